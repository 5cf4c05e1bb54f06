"""Columns change their type in use: with everything that hangs on them, there, back, and there again."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op_text
from alembic.runtime.migration import MigrationContext

from surefoot.errors import RefusedError
from surefoot.online.change_types.operation import ChangeTypesOnlineOp
from tests.support.databases import Database
from tests.surefoot.online.changing import DOWN, SCHOOL, TIME, UP, down, rows, up
from tests.surefoot.online.harness import assert_equal, catalogue, empty, operations, run, when, write
from tests.surefoot.online.runner import Runner


@pytest.fixture
def school(database: Database) -> Database:
    database.psql(stdin=SCHOOL)
    return database


@pytest.fixture
def newer(scratch: Database) -> Database:
    scratch.psql(stdin=SCHOOL)
    return scratch


def natively(database: Database) -> None:
    """What PostgreSQL makes of the same change by itself; it drags no sequence of a serial along, and neither do we."""
    database.psql(
        stdin=f"""
        drop trigger touched on pupils;
        alter table pupils alter code drop default;
        alter table pupils alter code type integer using code::integer, alter code set default 7,
            alter number type bigint, alter place type bigint, alter k type bigint, alter s type bigint,
            alter best type bigint, alter seen type timestamptz using {TIME};
        create trigger touched before update of code, number on pupils for each row execute function touched();
        alter table pupils enable always trigger touched;
        """
    )


GRANTS = """
select attacl::text, attstattarget, attoptions from pg_attribute
 where attrelid = 'pupils'::regclass and attname in ('code', 'number') order by attname
"""


LEFT_OVER = """
select tgname from pg_trigger where tgname ~ '__changing'
union all select proname from pg_proc where proname ~ '__changing'
union all select relname from pg_class where relname ~ '__changing'
union all select attname from pg_attribute where attname ~ '__changing' and not attisdropped
union all select conname from pg_constraint where conname ~ '__changing'
"""


def test_all_that_hangs_on_the_columns_comes_along_and_back(school: Database) -> None:
    before, first, privileges = catalogue(school), rows(school), school.rows(GRANTS)
    natively(school)
    expected, there = catalogue(school), rows(school)
    school.execute("drop schema public cascade", "create schema public")
    school.psql(stdin=SCHOOL.replace("now()", f"'{first[0][7]}'"))
    school.execute("alter table pupils alter seen set default now()")
    run(school, up, up)
    assert_equal(expected, catalogue(school))
    assert rows(school) == there
    assert school.rows(GRANTS) == privileges
    run(school, down, down)
    assert_equal(before, catalogue(school))
    assert rows(school) == first
    assert school.rows(GRANTS) == privileges
    run(school, up)
    assert_equal(expected, catalogue(school))
    assert rows(school) == there
    assert not school.rows(LEFT_OVER)


def test_sequences_go_on_where_they_stood(newer: Database) -> None:
    run(newer, up)
    newer.execute("insert into pupils (id, number, place) values (900, 900, 900)")
    assert rows(newer, "k, s, code, seen is null")[-1] == (100 + 500 * 5, 501, 7, False)
    run(newer, down)
    newer.execute("insert into pupils (id, number, place) values (901, 901, 901)")
    assert rows(newer, "k, s, code, seen is null")[-1] == (100 + 501 * 5, 502, "7", False)
    newer.execute("alter sequence pupils_s_seq owned by none")  # it is the column's own again, and has its name


def test_rows_changed_and_added_since_are_made_anew_and_all_others_are_as_they_were(school: Database) -> None:
    before: dict[object, object] = {row[0]: row[1] for row in rows(school, "id, code")}
    run(school, up)
    school.execute(
        "update pupils set code = 77777 where id = 6",
        "update pupils set note = 'another column' where id = 7",
        "insert into pupils (id, code, number, place) values (900, 42, 900, 900)",
        "delete from pupils where id = 500",
    )
    run(school, down)
    changed: dict[object, object] = {6: "77777", 900: "42"}
    del before[500]
    assert {row[0]: row[1] for row in rows(school, "id, code")} == {**before, **changed}


def test_what_is_retired_can_be_read(newer: Database) -> None:
    run(newer, up)
    assert newer.value("select code from retired.pupils_code_unnamed where id = 5") == " 05"
    assert newer.rows("select column_name, rows from retired.things where column_name in ('code', 'k') order by 1") == [
        ("code", 500), ("k", 500),
    ]  # fmt: skip


@pytest.mark.parametrize("moment", ["'enable_seqscan'", "index concurrently", "analyze"])
def test_what_is_written_meanwhile_is_converted(newer: Database, moment: str) -> None:
    """By INSERT, by UPDATE, by COPY, and by another trigger, also where our own batch is what makes it fire."""
    newer.execute(
        "update pupils set note = 'recode' where id = 400",
        "create function recoded() returns trigger language plpgsql as "
        "$$ begin if new.note like 'recode%' then new.code := 4444; end if; return new; end $$",
        "create trigger zz_recoded before update on pupils for each row execute function recoded()",
    )

    def others() -> None:
        newer.execute(
            "update pupils set code = '0815' where id = 1",
            "update pupils set note = 'recode' where id = 500",
            "insert into pupils (id, code, number, place) values (900, '00042', 900, 900)",
            "update pupils set id = -1 where id = 499",
        )
        newer.psql("-c", "copy pupils (id, code, number, place) from stdin", stdin="901\t00043\t901\t901\n")

    with operations(newer) as op:
        when(op, moment, others)
        up(op)
    assert newer.rows("select id, code from pupils where id in (-1, 1, 400, 500, 900, 901) order by id") == [
        (-1, 499), (1, 815), (400, 4444), (500, 4444), (900, 42), (901, 43),
    ]  # fmt: skip


def test_a_cast_means_for_others_what_it_means_for_the_revision(newer: Database) -> None:
    """The trigger runs in sessions at any time zone and search path."""

    def other() -> None:
        with newer.connect(autocommit=True) as connection:
            connection.execute("set timezone = 'Asia/Tokyo'")
            connection.execute("set search_path = pg_catalog")
            connection.execute("update public.pupils set seen = '2026-01-01 12:00' where id = 1")

    with operations(newer) as op:
        when(op, "index concurrently", other)
        op.change_types_online(
            "pupils", {"seen": ("timestamptz", "seen::timestamptz", "seen::timestamp"), "place": UP["place"]}
        )
    assert newer.value("select seen at time zone 'America/Chicago' = '2026-01-01 12:00' from pupils where id = 1")


@pytest.mark.parametrize(
    ("moment", "null"), [("index concurrently", "set"), ("index concurrently", "drop"), ("analyze", "drop")]
)
def test_a_value_that_does_not_convert_and_comes_meanwhile(newer: Database, moment: str, null: str) -> None:
    """Who writes it does not notice; the change is refused and leaves nothing behind."""
    newer.execute(f"alter table pupils alter code {null} not null")
    before = catalogue(newer)
    with operations(newer) as op:
        when(op, moment, lambda: newer.execute("update pupils set code = 'ten' where id = 10"))
        with pytest.raises(RefusedError, match=r"code cannot become integer: 1 row of pupils .*id 10"):
            up(op)
    assert_equal(before, catalogue(newer))
    assert newer.value("select code from pupils where id = 10") == "ten"


def test_one_that_was_mended_again_is_none(newer: Database) -> None:
    values = ("update pupils set code = 'ten' where id = 10", "update pupils set code = '10' where id = 10")
    with operations(newer) as op:
        when(op, "index concurrently", lambda: newer.execute(*values))
        up(op)
    assert newer.value("select code from pupils where id = 10") == 10


def test_an_index_that_somebody_makes_meanwhile_comes_along(newer: Database) -> None:
    with operations(newer) as op:
        when(op, "analyze", lambda: newer.execute("create index ix_theirs on pupils (code, id)"))
        up(op)
    assert str(newer.value("select pg_get_indexdef('ix_theirs'::regclass)")).endswith("(code, id)")
    assert newer.value("select indisvalid from pg_index where indexrelid = 'ix_theirs'::regclass")


def test_targets_of_statistics_and_rights_of_a_sequence_come_along(scratch: Database) -> None:
    """They are in no definition that PostgreSQL prints, and an identity's sequence is made anew."""
    role = f"reader_{scratch.url.database}"
    scratch.execute(
        f"create role {role}",
        "create table t (id int primary key, a int, n int generated always as identity (start 5 increment 2))",
        "insert into t (id, a) select n, n from generate_series(1, 9) as n",
        'create index "by %" on t (a, (a + 1))',
        'alter index "by %" alter column 2 set statistics 77',
        "create statistics so on id, a from t",
        "alter statistics so set statistics 9",
        f"grant select on sequence t_n_seq to {role} with grant option",
        "comment on sequence t_n_seq is '%s of it'",
    )
    told = """
        select attrelid::regclass::text, attnum, attstattarget from pg_attribute
          join pg_class c on c.oid = attrelid and relkind = 'i' where attstattarget > 0
         union all
        select stxname, 0, stxstattarget from pg_statistic_ext
         union all
        select obj_description(oid, 'pg_class'), 0, 0 from pg_class where oid = 't_n_seq'::regclass
         union all
        select relacl::text, 0, 0 from pg_class where oid = 't_n_seq'::regclass
    """
    try:
        before = scratch.rows(told)
        run(scratch, lambda op: op.change_types_online("t", {"a": ("bigint", "a", "a"), "n": ("bigint", "n", "n")}))
        assert scratch.rows(told) == before
        assert scratch.rows("insert into t (id, a) values (10, 10) returning n") == [(23,)]
    finally:
        scratch.execute("drop table t cascade", f"drop owned by {role}", f"drop role {role}")


def test_names_that_are_awkward_and_long(scratch: Database) -> None:
    table, column = (
        'a "table" %s :x of sixty-three bytes, as long as a name may be ü',
        "Column: %(x)s of sixty-three bytes, as long as any one may be{}",
    )
    quoted = [name.replace('"', '""') for name in (table, column)]
    scratch.execute(
        f'create table "{quoted[0]}" (id integer primary key, "{quoted[1]}" text unique)',
        f'alter table "{quoted[0]}" add check ("{quoted[1]}" <> $$a:b %$$)',
        f'insert into "{quoted[0]}" select n, n from generate_series(1, 10) as n',
    )
    before = catalogue(scratch)
    run(scratch, lambda op: op.change_types_online(table, {column: ("varchar", f'"{quoted[1]}"', f'"{quoted[1]}"')}))
    assert scratch.value(f'select pg_typeof("{quoted[1]}")::text from "{quoted[0]}"') == "character varying"
    run(scratch, lambda op: op.change_types_online(table, {column: ("text", f'"{quoted[1]}"', f'"{quoted[1]}"')}))
    assert_equal(before, catalogue(scratch))


class CutOff(Exception):
    """As if the process ended: nothing is tidied up."""


def cut_off() -> None:
    raise CutOff


def test_another_change_than_the_one_that_was_begun_starts_anew(newer: Database) -> None:
    with operations(newer) as op:
        when(op, "analyze", cut_off)
        with pytest.raises(CutOff):
            up(op)
    assert newer.value(
        "select count(*) from pg_attribute where attrelid = 'pupils'::regclass and attname ~ '^__changing'"
    ) == len(UP)
    run(newer, lambda op: op.change_types_online("pupils", UP | {"code": ("bigint", "code::integer", "code::text")}))
    assert newer.value("select pg_typeof(code)::text from pupils limit 1") == "bigint"
    assert not newer.rows(LEFT_OVER)


def revisions(project: Path) -> Path:
    literal = {
        name: (way[0] if isinstance(way[0], str) else "timestamptz" if name == "seen" else "bigint", *way[1:])
        for name, way in UP.items()
    }
    write(
        empty(project),
        "one",
        None,
        f"op.execute({SCHOOL!r})",
        "op.execute('drop table marks, pupils, parents cascade'); op.execute('drop function touched')",
    )
    write(
        project,
        "two",
        "one",
        f"op.change_types_online('pupils', {literal!r})",
        f"op.change_types_online('pupils', {DOWN!r})",
    )
    return project


def test_as_revisions_up_down_and_up(database: Database, project: Path) -> None:
    with Runner(database, revisions(project)) as runner:
        runner.alembic("upgrade", "one", status=0)
        before, content = catalogue(database), rows(database)
        runner.alembic("upgrade", "two", status=0)
        after, there = catalogue(database), rows(database)
        for command, target, expected, values in (
            ("downgrade", "one", before, content),
            ("upgrade", "two", after, there),
        ):
            runner.alembic(command, target, status=0)
            assert_equal(expected, catalogue(database))
            assert rows(database) == values
        runner.alembic("downgrade", "base", status=0)
    assert (
        database.value("select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'")
        == 2
    )


@pytest.mark.promise("T2")
def test_as_sql_through_psql(database: Database, project: Path) -> None:
    with Runner(database, revisions(project)) as runner:
        runner.alembic("upgrade", "one", status=0)
        before, content = catalogue(database), rows(database)
        runner.alembic("upgrade", "two", status=0)
        after, there = catalogue(database), rows(database)
        runner.alembic("downgrade", "one", status=0)
        printed = runner.alembic("upgrade", "one:two", "--sql", status=0).output
        assert "-- The type of code, number, place, k, s, best, seen in pupils: run by psql this stops" in printed
        database.psql(stdin=sql_of(printed))
        assert_equal(after, catalogue(database))
        assert rows(database) == there
        assert database.value("select code from retired.pupils_code_two where id = 5") is not None
        database.psql(stdin=sql_of(runner.alembic("downgrade", "two:one", "--sql", status=0).output))
    assert_equal(before, catalogue(database))
    assert rows(database, "id, number, place, k, s, best, parent") == [(*row[:1], *row[2:7], row[8]) for row in content]


def sql_of(output: str) -> str:
    """Without the lines of the log, which a terminal shows between them."""
    return "\n".join(line for line in output.splitlines() if " INFO " not in line)


def test_rendered_as_it_is_written_and_turned_round() -> None:
    context = AutogenContext(MigrationContext.configure(dialect_name="postgresql"))
    context.opts.update(
        {
            "alembic_module_prefix": "op.",
            "sqlalchemy_module_prefix": "sa.",
            "user_module_prefix": None,
            "render_item": None,
        }
    )
    op = ChangeTypesOnlineOp("t", {"a": (sa.Integer(), "a::integer", "a::text")}, existing_types={"a": sa.Text()})
    assert render_op_text(context, op) == "op.change_types_online('t', {'a': (sa.Integer(), 'a::integer', 'a::text')})"
    back = op.reverse()
    assert render_op_text(context, back) == "op.change_types_online('t', {'a': (sa.Text(), 'a::text', 'a::integer')})"
    assert render_op_text(context, back.reverse()) == render_op_text(context, op)
