"""Columns change their type in use: with everything that hangs on them, there, back, and there again."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op_text
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from ourschool.errors import OurSchoolError, RefusedError, UsageError
from ourschool.migrate.online.change_types import ChangeTypesOnlineOp
from tests.online.harness import assert_equal, catalogue, empty, operations, run, when, write
from tests.online.runner import Runner
from tests.support.databases import Database

SCHOOL = """
create table parents (id integer primary key, code text not null unique);
insert into parents select n, n::text from generate_series(1, 500) as n;
create table pupils (
    id integer primary key,
    code text not null default '7' constraint code_or_number check (code is not null or number > 0),
    number integer unique deferrable initially deferred,
    place integer not null unique,
    parent text references parents (code) on delete set null,
    seen timestamp default now(),
    k integer generated always as identity (start 100 increment 5),
    s serial not null,
    note text default upper('x'),
    best integer
);
insert into pupils (id, code, number, place, parent) select n, ' 0' || n, n, n, n from generate_series(1, 500) as n;
update pupils set best = place - 1 where place > 1;
alter table pupils add foreign key (best) references pupils (place) not valid;
create index ix_code on pupils (code);
create index ix_part on pupils (lower(note), code desc nulls last) include (parent) where code is not null;
create unique index ix_both on pupils (code, number) nulls not distinct;
create table marks (id integer primary key, place integer references pupils (place) on delete cascade);
insert into marks select n, n from generate_series(1, 100) as n;
create statistics together on code, number from pupils;
comment on column pupils.code is 'what the school calls the pupil';
comment on index ix_code is 'for the list';
comment on constraint code_or_number on pupils is 'one of the two';
alter table pupils alter code set statistics 500, alter number set (n_distinct = -1), cluster on ix_code;
create function touched() returns trigger language plpgsql as
    $$ begin new.note := coalesce(new.note, '') || '!'; return new; end $$;
create trigger touched before update of code, number on pupils for each row execute function touched();
alter table pupils enable always trigger touched;
grant select (code), update (code) on pupils to public;
"""
TIME = "seen at time zone 'UTC'"
UP = {
    "code": ("integer", "code::integer", "code::text"),
    "number": (sa.BigInteger(), "number", "number::integer"),
    "place": (sa.BigInteger, "place", "place::integer"),
    "k": ("bigint", "k", "k::integer"),
    "s": ("bigint", "s", "s::integer"),
    "best": ("bigint", "best", "best::integer"),
    "seen": (sa.DateTime(timezone=True), TIME, TIME),
}
DOWN = {
    name: (old, UP[name][2], UP[name][1])
    for name, old in {"code": "text", "seen": "timestamp"}.items()
    | dict.fromkeys(UP.keys() - {"code", "seen"}, "integer").items()
}
Change = Callable[[Operations], object]


def up(op: Operations) -> None:
    op.change_types_online("pupils", UP)


def down(op: Operations) -> None:
    op.change_types_online("pupils", DOWN)


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


def rows(
    database: Database, columns: str = "id, code, number, place, k, s, best, seen, parent"
) -> list[tuple[object, ...]]:
    return database.rows(f"select {columns} from pupils order by id")


GRANTS = """
select attacl::text, attstattarget, attoptions from pg_attribute
 where attrelid = 'pupils'::regclass and attname in ('code', 'number') order by attname
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
    assert school.rows(
        "select count(*) from pg_trigger where tgname ~ '__changing' union all select count(*) from pg_proc where proname ~ '__changing'"
    ) == [(0,), (0,)]


def test_sequences_go_on_where_they_stood(newer: Database) -> None:
    run(newer, up)
    newer.execute("insert into pupils (id, number, place) values (900, 900, 900)")
    assert rows(newer, "k, s, code, seen is null")[-1] == (100 + 500 * 5, 501, 7, False)
    run(newer, down)
    newer.execute("insert into pupils (id, number, place) values (901, 901, 901)")
    assert rows(newer, "k, s, code, seen is null")[-1] == (100 + 501 * 5, 502, "7", False)
    newer.execute("alter sequence pupils_s_seq owned by none")  # it is the column's own again, and has its name


def test_rows_changed_and_added_since_are_made_anew_and_all_others_are_as_they_were(school: Database) -> None:
    before = rows(school, "id, code")
    run(school, up)
    school.execute(
        "update pupils set code = 77777 where id = 6",
        "update pupils set note = 'another column' where id = 7",
        "insert into pupils (id, code, number, place) values (900, 42, 900, 900)",
        "delete from pupils where id = 500",
    )
    run(school, down)
    changed = {6: "77777", 900: "42"}
    expected = sorted({**dict(before), **changed}.items())
    assert rows(school, "id, code") == [row for row in expected if row[0] != 500]


def test_what_is_retired_can_be_read(newer: Database) -> None:
    run(newer, up)
    assert newer.value("select code from retired.pupils_code_unnamed where id = 5") == " 05"
    assert newer.rows("select column_name, rows from retired.things where column_name in ('code', 'k') order by 1") == [
        ("code", 500), ("k", 500),
    ]  # fmt: skip


@pytest.mark.parametrize("moment", ["'enable_seqscan'", "index concurrently", "analyze"])
def test_what_is_written_meanwhile_is_converted(newer: Database, moment: str) -> None:
    """By INSERT, by UPDATE of it, by another trigger, which the UPDATE does not name, and by COPY."""
    newer.execute(
        "create function recoded() returns trigger language plpgsql as "
        "$$ begin if new.note like 'recode%' then new.code := 4444; end if; return new; end $$",
        "create trigger zz_recoded before update of note on pupils for each row execute function recoded()",
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
    assert newer.rows("select id, code from pupils where id in (-1, 1, 500, 900, 901) order by id") == [
        (-1, 499), (1, 815), (500, 4444), (900, 42), (901, 43),
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


def test_a_value_that_does_not_convert_and_comes_meanwhile(newer: Database) -> None:
    """Who writes it does not notice; the change is refused and leaves nothing behind."""
    before = catalogue(newer)
    with operations(newer) as op:
        when(op, "index concurrently", lambda: newer.execute("update pupils set code = 'ten' where id = 10"))
        with pytest.raises(RefusedError, match=r"code cannot become integer: 1 row of pupils .*id 10"):
            up(op)
    assert_equal(before, catalogue(newer))
    assert newer.value("select code from pupils where id = 10") == "ten"


def test_one_that_was_mended_again_is_none(newer: Database) -> None:
    with operations(newer) as op:
        when(
            op, "index concurrently",
            lambda: newer.execute("update pupils set code = 'ten' where id = 10", "update pupils set code = '10' where id = 10"),
        )  # fmt: skip
        up(op)
    assert newer.value("select code from pupils where id = 10") == 10


def test_an_index_that_somebody_makes_meanwhile_comes_along(newer: Database) -> None:
    with operations(newer) as op:
        when(op, "analyze", lambda: newer.execute("create index ix_theirs on pupils (code, id)"))
        up(op)
    assert str(newer.value("select pg_get_indexdef('ix_theirs'::regclass)")).endswith("(code, id)")
    assert newer.value("select indisvalid from pg_index where indexrelid = 'ix_theirs'::regclass")


REFUSED: dict[str, tuple[str, Change, type[OurSchoolError], str]] = {
    "no table": ("", lambda op: op.change_types_online("nobody", UP), UsageError, "no table 'nobody'"),
    "no column": ("", lambda op: op.change_types_online("pupils", {"x": UP["k"]}), UsageError, "no column 'x'"),
    "no columns": ("", lambda op: op.change_types_online("pupils", {}), UsageError, "no columns"),
    "no type": (
        "", lambda op: op.change_types_online("pupils", {"k": ("whole", "k", "k")}), UsageError, 'type "whole" does not exist',
    ),
    "wrong using": (
        "", lambda op: op.change_types_online("pupils", {"k": ("text", "kk", "k")}), UsageError, 'column "kk" does not exist',
    ),
    "wrong back": (
        "", lambda op: op.change_types_online("pupils", {"k": ("text", "k", "k +")}), UsageError, "back from text.*syntax error",
    ),
    "using of another type": (
        "", lambda op: op.change_types_online("pupils", {"k": ("date", "k", "1")}), UsageError, "is of type date but expression",
    ),
    "an aggregate": (
        "", lambda op: op.change_types_online("pupils", {"k": ("bigint", "max(k)", "k")}), UsageError, "aggregate functions",
    ),
    "a primary key": (
        "", lambda op: op.change_types_online("pupils", {"id": ("bigint", "id", "id")}), RefusedError, "primary key pupils_pkey",
    ),
    "a view": (
        "create view seen as select code from pupils", up, RefusedError, "pupils.code cannot be changed online: view seen needs",
    ),
    "a materialized view": (
        "create materialized view seen as select code from pupils", up, RefusedError, "materialized view seen needs it",
    ),
    "a rule": (
        "create rule no as on update to pupils where old.code = 'x' do instead nothing", up, RefusedError, "rule no on table",
    ),
    "a generated column": (
        "alter table pupils add twice text generated always as (code || code) stored", up, RefusedError,
        "generated column twice is made from it",
    ),
    "generated": (
        "alter table pupils add twice text generated always as (code || code) stored",
        lambda op: op.change_types_online("pupils", {"twice": ("varchar", "twice", "twice")}), UsageError, "is generated",
    ),
    "using a generated column": (
        "alter table pupils add twice text generated always as (note || note) stored",
        lambda op: op.change_types_online("pupils", {"code": ("text[]", "array[code, twice]", "code[1]")}), RefusedError,
        "reads the generated column twice",
    ),
    "a policy": ("create policy own on pupils using (code = 'x')", up, RefusedError, "policy own on table"),
    "a function": (
        "create function codes() returns setof text begin atomic select code from pupils; end", up, RefusedError,
        r"function codes\(\) needs it",
    ),
    "inheritance": ("create table more () inherits (pupils)", up, RefusedError, "has inheritance"),
    "partitioned": (
        "create table parts (id integer, k integer, primary key (id)) partition by hash (id)",
        lambda op: op.change_types_online("parts", {"k": UP["k"]}), UsageError, "partitioned table",
    ),
    "an exclusion constraint": (
        "alter table pupils add constraint apart exclude using btree (number with =)", up, RefusedError,
        "exclusion constraint apart is on it",
    ),
    "a check of the old type": (
        "alter table pupils add constraint short check (length(code) < 9)", up, RefusedError,
        r"constraint short of public.pupils does not go with it \(function length\(integer\) does not exist\)",
    ),
    "an index of the old type": (
        "create index patterns on pupils (code text_pattern_ops)", up, RefusedError, "index patterns does not go with it",
    ),
    "a foreign key to another type": (
        "", lambda op: op.change_types_online("pupils", {"parent": ("integer", "parent::integer", "parent::text")}),
        RefusedError, "constraint pupils_parent_fkey of public.pupils does not go with it",
    ),
    "a foreign key from another type": (
        "", lambda op: op.change_types_online("pupils", {"place": ("text", "place::text", "place::integer")}),
        RefusedError, "marks_place_fkey of public.marks does not go with it",
    ),
    "a default of the old type": (
        "alter table pupils alter code set default upper(current_date::text)", up, RefusedError, "its default .* does not go with it",
    ),
    "a default that does not convert": (
        "alter table pupils alter code set default 'none'", up, RefusedError, "its default 'none'::text does not go with it",
    ),
    "rows that do not convert": (
        "update pupils set code = 'ten' where id in (10, 20, 30)", up, RefusedError,
        r"3 rows of pupils cannot be converted by 'code::integer' \(id 10, 20, 30\)",
    ),
    "rows that become NULL": (
        "", lambda op: op.change_types_online("pupils", {"code": ("integer", "nullif(code::integer, 5)", "code::text")}),
        RefusedError, r"1 row of pupils cannot be converted .*\(id 5\)",
    ),
    "texts that are too long": (
        "", lambda op: op.change_types_online("pupils", {"code": ("varchar(4)", "code", "code")}), RefusedError,
        r"401 rows of pupils cannot .*\(id 100, 101, 102, 103, 104 and 396 more\)",
    ),
    "rows that become alike": (
        "update pupils set number = null where id in (5, 6); update pupils set code = '5' where id = 6", up, RefusedError,
        "rows that were different become alike, and unique index ix_both forbids it",
    ),
    "rows that break a check": (
        "alter table pupils add constraint big check (place > 0)",
        lambda op: op.change_types_online("pupils", {"place": ("bigint", "place - 1", "place + 1")}), RefusedError,
        "rows as they become break",
    ),
    "rows that point nowhere": (
        "", lambda op: op.change_types_online("pupils", {"parent": ("varchar", "parent || '!'", "rtrim(parent, '!')")}),
        RefusedError, "rows as they become break pupils_parent_fkey of public.pupils",
    ),
    "a column of that name": (
        "alter table pupils add __changing_unnamed_k integer", up, UsageError, "'__changing_unnamed_k' is taken",
    ),
    "no key": (
        "create table loose (a integer)", lambda op: op.change_types_online("loose", {"a": ("bigint", "a", "a")}), UsageError,
        "no primary key and no unique index",
    ),
}  # fmt: skip


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_said_in_a_sentence_and_nothing_changed(
    newer: Database, refused: tuple[str, Change, type[OurSchoolError], str]
) -> None:
    made, change, kind, sentence = refused
    if made:
        newer.psql("-c", made)
    before, content = catalogue(newer), newer.rows("select * from pupils order by id")
    with pytest.raises(kind, match=sentence) as raised:
        run(newer, change)
    assert raised.value.remedy
    assert_equal(before, catalogue(newer))
    assert newer.rows("select * from pupils order by id") == content


def test_names_that_are_awkward_and_long(scratch: Database) -> None:
    table, column = (
        'a "table" %s :x of sixty-three bytes, as long as a name may be ü',
        "Column: %(x)s of sixty-three bytes, as long as any one may be{}",
    )
    quoted = [name.replace('"', '""') for name in (table, column)]
    scratch.execute(
        f'create table "{quoted[0]}" (id integer primary key, "{quoted[1]}" text unique check ("{quoted[1]}" <> $$a:b %$$))',
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
    run(
        newer,
        lambda op: op.change_types_online("pupils", UP | {"code": ("bigint", "code::bigint * 2", "(code / 2)::text")}),
    )
    assert rows(newer, "code")[4] == (10,)
    assert newer.value("select count(*) from pg_attribute where attname ~ '^__changing' and not attisdropped") == 0


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
        assert database.value("select code from retired.pupils_code_two where ctid = '(0,5)'") is not None
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
