"""A column set aside and taken back: rows of before and after are there, the catalogue as it was, nothing of ours."""

from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from ourschool.errors import OurSchoolError, RefusedError, UsageError
from ourschool.migrate import comparison
from ourschool.migrate.online import things
from ourschool.schema.snapshot import take
from tests.online.harness import assert_equal, catalogue, operations, run
from tests.support.databases import Database

SCHOOL = """
create table subjects (
    id serial primary key,
    code text not null default 'none' check (code <> ''),
    name text
);
alter table subjects add constraint subjects_code_key unique (code);
comment on column subjects.code is 'as on the timetable';
comment on constraint subjects_code_key on subjects is 'one each';
create table lessons (
    id integer generated always as identity primary key,
    subject text,
    teacher text,
    number serial,
    constraint lessons_subject_fkey foreign key (subject) references subjects (code) on update cascade deferrable
);
comment on constraint lessons_subject_fkey on lessons is 'what is taught';
create index ix_lessons_subject on lessons (subject);
create unique index ix_lessons_teacher on lessons (lower(teacher), subject) where teacher <> 'nobody';
comment on index ix_lessons_teacher is 'one teacher a subject';
alter table lessons add constraint lessons_teacher_check check (teacher <> '') not valid;
alter table lessons add constraint lessons_key unique nulls not distinct (number, subject) include (teacher)
    deferrable initially deferred;
create function touched() returns trigger language plpgsql as 'begin return new; end';
create trigger touched before update of subject on lessons for each row
    when (old.subject is distinct from new.subject) execute function touched();
comment on trigger touched on lessons is 'a note';
alter table lessons disable trigger touched;
create trigger always before insert on lessons for each row execute function touched();
insert into subjects (code, name) select 'S' || n, 'Subject ' || n from generate_series(1, 9) as n;
insert into lessons (subject, teacher) select 'S' || 1 + n % 9, 'T' || n from generate_series(1, 40) as n;
"""

SET_ASIDE = """
select attrelid::regclass, attname, atthasdef, attnotnull from pg_attribute where starts_with(attname, '__retired_')
"""

COLUMNS = [("subjects", "code"), ("lessons", "subject"), ("lessons", "teacher"), ("lessons", "number")]


def retire(table: str, column: str) -> Any:
    return lambda op: op.retire_column(table, column)


def restore(table: str, column: str) -> Any:
    def work(op: Operations) -> None:
        assert op.restore_column(table, column)  # type: ignore[attr-defined]

    return work


def refused(database: Database, work: Any, kind: type[OurSchoolError] = RefusedError) -> str:
    """The whole text of the refusal; asserts that nothing changed."""
    before, aside, columns = catalogue(database), catalogue(database, "retired"), database.rows(SET_ASIDE)
    with pytest.raises(kind) as caught:
        run(database, work)
    assert database.rows(SET_ASIDE) == columns
    assert_equal(before, catalogue(database))
    assert_equal(aside, catalogue(database, "retired"))
    return str(caught.value)


def gone(database: Database) -> bool:
    """Whether nothing of ours is left."""
    return database.value("select to_regnamespace('retired') is null") is True


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_retire_insert_restore_gives_rows_of_before_and_after_and_the_catalogue(
    database: Database, table: str, column: str
) -> None:
    database.execute(SCHOOL)
    before = catalogue(database)
    values = database.rows(f"select id, {column} from {table} order by id")

    run(database, retire(table, column))
    names = "name" if table == "subjects" else "teacher" if column != "teacher" else "subject"
    database.execute(f"insert into {table} ({names}) values ('S1')")
    run(database, restore(table, column))

    after = database.rows(f"select id, {column} from {table} order by id")
    assert after[:-1] == values
    new = {"subjects.code": "none", "lessons.number": 41}.get(f"{table}.{column}")
    assert after[-1][1] == new
    assert_equal(before, catalogue(database))
    assert gone(database)


def test_all_columns_at_once_come_back_in_reverse_order(database: Database) -> None:
    database.execute(SCHOOL)
    before = catalogue(database)
    rows = database.rows("select * from lessons order by id")

    run(database, *(retire(*each) for each in COLUMNS))
    assert "what was retired last" in refused(database, restore("subjects", "code"))
    run(database, *(restore(*each) for each in reversed(COLUMNS)))

    assert_equal(before, catalogue(database))
    assert database.rows("select * from lessons order by id") == rows
    assert gone(database)


def test_while_it_is_retired_the_catalogue_is_as_if_it_had_never_been(database: Database) -> None:
    database.execute("create table lessons (id serial primary key, teacher text)")
    without = catalogue(database)
    database.execute(
        "alter table lessons add subject text not null default 'x' check (subject <> '') unique, add number serial",
        "alter table lessons add even integer generated by default as identity, add twice text",
        "create index ix_lessons_subject on lessons (id, subject)",
        "grant select (subject) on lessons to public",
    )
    run(database, *(retire("lessons", column) for column in ("subject", "number", "even", "twice")))

    assert_equal(without, catalogue(database))
    with database.engine().connect() as connection:
        assert take(connection).fingerprint == without.fingerprint
        assert all(grant.on == "schema" for grant in take(connection).grants)
    database.execute("insert into lessons (teacher) values ('T1')")  # nothing stands in its way


def test_a_retired_column_can_be_read_with_its_key_and_is_listed(scratch: Database) -> None:
    scratch.execute(
        "create table marks (term integer, pupil integer, points numeric not null, primary key (pupil, term))",
        "insert into marks values (1, 7, 9.50), (2, 7, 8.25)",
        "create table loose (note text)",
        "insert into loose values ('kept')",
    )
    run(scratch, retire("marks", "points"), retire("loose", "note"))

    assert scratch.rows("select pupil, term, points::text from retired.marks_points_unnamed order by term") == [
        (7, 1, "9.50"),
        (7, 2, "8.25"),
    ]
    assert scratch.rows("select note from retired.loose_note_unnamed") == [("kept",)]
    with scratch.engine().connect() as connection:
        points, note = things.listed(connection)
    assert (points.what, points.schema, points.table, points.column) == ("column", "public", "marks", "points")
    assert (points.revision, points.direction, points.retired_by, points.rows) == ("unnamed", "unknown", "postgres", 2)
    assert points.retired_at.tzinfo is not None
    assert (note.table, note.column, note.rows, note.readable_as) == ("loose", "note", 1, "loose_note_unnamed")


def test_nothing_is_listed_where_nothing_was_ever_retired(scratch: Database) -> None:
    with scratch.engine().connect() as connection:
        assert things.listed(connection) == []


REFUSED = {
    "no table": ("", "lesson", "x", "There is no table lesson to retire a column of"),
    "no column": ("", "t", "y", "Table t has no column y to retire"),
    "primary key": ("", "t", "id", "primary key t_pkey is on it"),
    "in a primary key's index": (
        "alter table t drop constraint t_pkey, add primary key (id) include (x)", "t", "x",
        "primary key t_pkey is on it",
    ),
    "partition key": (
        "create table p (id int, x int) partition by range (x)", "p", "x", "it is part of the partition key"
    ),
    "partitioned": (
        "create table p (id int, x int) partition by range (id)", "p", "x", "the table is partitioned"
    ),
    "inheritance": ("create table c () inherits (t)", "t", "x", "has inheritance"),
    "view": ("create view seen as select x from t", "t", "x", "view seen needs it"),
    "materialized view": ("create materialized view seen as select x from t", "t", "x", "view seen needs it"),
    "a view's own column": ("create view seen as select x from t", "seen", "x", "is no ordinary table"),
    "rule": ("create rule no as on delete to t where old.x > 1 do instead nothing", "t", "x", "rule no on table t"),
    "policy": ("create policy own on t using (x > 1)", "t", "x", "policy own on table t needs it"),
    "function": (
        "create function f() returns int language sql begin atomic select max(x) from t; end", "t", "x",
        "function f() needs it",
    ),
    "generated": ("alter table t add y int generated always as (x * 2) stored", "t", "x", "generated column y"),
    "exclusion": (
        "alter table t add constraint t_excl exclude (x with =)", "t", "x", "exclusion constraint t_excl is on it"
    ),
    "replica identity": (
        "alter table t alter x set not null; create unique index u on t (x); "
        "alter table t replica identity using index u",
        "t", "x", "index u over it is the replica identity",
    ),
    "trigger": (
        "create function f() returns trigger language plpgsql as 'begin return new; end'; alter table t add z int; "
        "create trigger pair before update of x, z on t for each row execute function f()",
        "t", "x", "trigger pair is about it and about other columns",
    ),
    "domain": (
        "create domain d as int not null; alter table t add y d default 1", "t", "y", "its type d refuses NULL"
    ),
    "partitioned child": (
        "create unique index u on t (x); create table p (x int references t (x)) partition by range (x)", "t", "x",
        "partitioned table p points to it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_retired_is_refused_with_its_reason(scratch: Database, case: tuple[str, str, str, str]) -> None:
    change, table, column, words = case
    scratch.execute("create table t (id int primary key, x int)", change or "select 1")
    kind = UsageError if words.startswith(("There is no", "Table t has no")) else RefusedError

    text = refused(scratch, retire(table, column), kind)

    assert words in text
    assert "→ " in text
    assert gone(scratch)


IN_THE_WAY = {
    "no value": (
        "x text not null", "insert into t (id) values (11), (12)", "2 rows (id 11; 12) came while it was retired",
        """update t set "__retired_unnamed_x" = 'x' || id where "__retired_unnamed_x" is null""",
    ),
    "twice": (
        "x text unique default 'x'", """update t set "__retired_unnamed_x" = 'same' where id in (3, 5)""",
        "2 rows (__retired_unnamed_x same) of public.t would break t_x_key",
        """update t set "__retired_unnamed_x" = 'other' where id = 5""",
    ),
    "check": (
        "x text check (x <> '')", """update t set "__retired_unnamed_x" = '' where id = 3""",
        "1 row (id 3) of public.t would break t_x_check", """update t set "__retired_unnamed_x" = 'X' where id = 3""",
    ),
    "orphan": (
        "x text references parents (name)", "delete from parents where name = 'X4'",
        "1 row (id 4) of public.t would break t_x_fkey", "insert into parents values ('X4')",
    ),
    "name taken": (
        "x text", "alter table t add x int", "there is a column of that name", "alter table t rename x to y; "
        "alter table t drop y",
    ),
    "index's name taken": (
        "x text; create index ix on t (x)", "create index ix on t (id)", "there is a relation called ix already",
        "drop index ix",
    ),
    "constraint's name taken": (
        "x text constraint ck check (x <> '')", "alter table t add constraint ck check (id > 0)",
        "public.t has a constraint called ck already", "alter table t drop constraint ck",
    ),
    "other table gone": (
        "x text references parents (name)", "alter table parents rename to forebears",
        "t_x_fkey needs column name of public.parents, which is not there", "alter table forebears rename to parents",
    ),
    "type set aside": (
        "x mood", "create schema if not exists retired; alter type mood set schema retired",
        "its type retired.mood is still set aside", "alter type retired.mood set schema public",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", IN_THE_WAY.values(), ids=IN_THE_WAY.keys())
def test_what_stands_in_the_way_back_is_counted_and_can_be_resolved(
    scratch: Database, case: tuple[str, str, str, str]
) -> None:
    column, happens, words, resolved = case
    first, _, more = column.partition(";")
    scratch.execute(
        "create type mood as enum ('X1')",
        "create table parents (name text primary key)",
        "insert into parents select 'X' || n from generate_series(1, 10) as n",
        f"create table t (id int primary key, {first})",
        more or "select 1",
    )
    scratch.execute("insert into t select n, ('X' || n)::text from generate_series(1, 10) as n" if "mood" not in column
                    else "insert into t values (1, 'X1')")  # fmt: skip
    before = catalogue(scratch)
    run(scratch, retire("t", "x"))
    scratch.execute(happens)

    text = refused(scratch, restore("t", "x"))
    assert words in text
    assert "othing was changed" in text

    scratch.execute(resolved)
    run(scratch, restore("t", "x"))
    assert_equal(before, catalogue(scratch))


def test_a_column_of_that_name_may_come_meanwhile_and_be_retired_in_turn(scratch: Database) -> None:
    scratch.execute("create table t (id int primary key, x text)", "insert into t values (1, 'old')")
    run(scratch, retire("t", "x"))
    scratch.execute("alter table t add x integer default 5")
    run(scratch, retire("t", "x"))
    assert scratch.rows("select x from retired.t_x_unnamed") == [("old",)]
    assert scratch.rows("select x from retired.t_x_unnamed_2") == [(5,)]

    run(scratch, restore("t", "x"))
    assert scratch.rows("select x from t") == [(5,)]
    scratch.execute("alter table t drop x")
    run(scratch, restore("t", "x"))
    assert scratch.rows("select x from t") == [("old",)]
    assert gone(scratch)


def test_restoring_what_nobody_retired_says_whether_the_column_is_there(scratch: Database) -> None:
    scratch.execute("create table t (id int primary key, x text)")
    with operations(scratch) as op:
        assert op.restore_column("t", "x") is True
        assert op.restore_column("t", "y") is False
        assert op.restore_column("nothing", "y") is False
    assert gone(scratch)


def test_one_whose_column_was_dropped_since_is_not_restored(scratch: Database) -> None:
    scratch.execute("create table t (id int primary key, x text)")
    run(scratch, retire("t", "x"))
    scratch.execute("drop view retired.t_x_unnamed", "alter table t drop __retired_unnamed_x")
    with operations(scratch) as op:
        assert op.restore_column("t", "x") is False


LONG = "a_column_with_a_very_long_name_that_is_as_long_as_any_name_may_"


@pytest.mark.parametrize(
    "names", [('my "table"', "it's 100% :x $retire$ ü"), ("select", "order"), ("T" * 63, LONG), ("ü" * 31, "日本" * 10)]
)
def test_awkward_and_long_names(scratch: Database, names: tuple[str, str]) -> None:
    table, column = names
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    scratch.execute(
        f"create table {quoted[0]} (id serial primary key, {quoted[1]} serial, other text unique)",
        f"create unique index on {quoted[0]} ({quoted[1]}, other)",
        f"insert into {quoted[0]} (other) values ('a'), ('b')",
    )
    before = catalogue(scratch)
    run(scratch, retire(table, column), retire(table, "other"))
    with scratch.engine().connect() as connection:
        views = [thing.readable_as for thing in things.listed(connection)]
        assert len(set(views)) == 2
        assert max(len(view.encode()) for view in views) <= 63
    view = '"' + views[0].replace('"', '""') + '"'
    assert scratch.rows(f"select {quoted[1]} from retired.{view}") == [(1,), (2,)]
    scratch.execute(f"insert into {quoted[0]} default values")
    run(scratch, restore(table, "other"), restore(table, column))

    assert scratch.rows(f"select {quoted[1]}, other from {quoted[0]} order by 1") == [(1, "a"), (2, "b"), (3, None)]
    assert_equal(before, catalogue(scratch))
    assert gone(scratch)


def test_identity_and_generated_columns_go_on_filling_themselves(database: Database) -> None:
    database.execute(
        "create table t (id int primary key, n bigint generated always as identity (start 10), "
        "twice int generated always as (id * 2) stored)",
        "insert into t values (1), (2)",
    )
    before = catalogue(database)
    run(database, retire("t", "n"), retire("t", "twice"))
    database.execute("insert into t values (3)")
    run(database, restore("t", "twice"), restore("t", "n"))
    database.execute("insert into t values (4)")

    assert database.rows("select * from t order by id") == [(1, 10, 2), (2, 11, 4), (3, 12, 6), (4, 13, 8)]
    assert_equal(before, catalogue(database))


def test_two_thousand_rows_that_came_meanwhile_get_the_default(scratch: Database) -> None:
    scratch.execute("create table t (id int primary key, x text not null default 'd')", "insert into t values (0, 'v')")
    before = catalogue(scratch)
    run(scratch, retire("t", "x"))
    scratch.execute("insert into t select n from generate_series(1, 20000) as n")
    run(scratch, restore("t", "x"))
    assert scratch.rows("select x, count(*) from t group by x order by x") == [("d", 20000), ("v", 1)]
    assert_equal(before, catalogue(scratch))


def test_what_was_dropped_behind_our_back_does_not_stand_in_the_way(scratch: Database) -> None:
    made = ("create table t (id int primary key, x text)", "insert into t values (1, 'a'), (2, 'b')")
    everything = (
        retire("t", "x"), lambda op: op.retire_rows("t", "id = 2"), lambda op: op.retire_table("t"),
    )  # fmt: skip
    for _ in range(2):
        scratch.execute(*made)
        run(scratch, *everything)
        scratch.execute("drop table retired.t_unnamed cascade", "drop table retired.t_rows_unnamed")
    scratch.execute(*made)
    run(scratch, *everything)
    assert scratch.value("select count(*) from retired.t_rows_unnamed") == 1
    assert scratch.value("select count(*) from retired.t_unnamed") == 1


def test_autogenerate_sees_nothing_of_it(scratch: Database) -> None:
    scratch.execute("create table t (id serial primary key, x text, y serial)", "create index ix on t (x)")
    run(scratch, retire("t", "x"), retire("t", "y"))
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
    with scratch.engine().connect() as connection:
        options = {"include_name": comparison.is_the_schools, "target_metadata": metadata}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        assert not comparison.from_models(connection, metadata)


def test_an_index_whose_building_was_cut_off_is_built_anew(scratch: Database) -> None:
    scratch.execute("create table t (id int primary key, x text unique)", "insert into t values (1, 'a'), (2, 'b')")
    before = catalogue(scratch)
    run(scratch, retire("t", "x"))
    scratch.execute(
        "create unique index t_x_key on t (__retired_unnamed_x)",
        "update pg_index set indisvalid = false, indisready = false where indexrelid = 't_x_key'::regclass",
    )
    run(scratch, restore("t", "x"))
    assert_equal(before, catalogue(scratch))
