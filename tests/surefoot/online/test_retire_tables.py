"""A table set aside with all that is its own, and taken back with all that hung on it."""

from pathlib import Path

import pytest

from surefoot.errors import RefusedError, UsageError
from surefoot.online import retired_registry
from tests.support.databases import Database
from tests.support.servers import Server
from tests.surefoot.online.harness import assert_equal, catalogue, operations, run
from tests.surefoot.online.retiring import SCHOOL, gone, refused, restore_table, retire_table
from tests.surefoot.online.retiring import restore as restore_column
from tests.surefoot.online.retiring import retire as retire_column
from tests.surefoot.restorable import dumps


def test_retire_and_restore_give_rows_and_catalogue(database: Database) -> None:
    database.execute(SCHOOL)
    before, rows = catalogue(database), database.rows("select * from lessons order by id")

    run(database, retire_table("lessons"))

    assert database.value("select to_regclass('lessons') is null") is True
    assert database.rows("select * from retired.lessons_unnamed order by id") == rows
    database.execute("insert into visits (lesson_id) values (5)", "delete from visits where id = 1")
    with database.engine().connect() as connection:
        (thing,) = retired_registry.all_items(connection)
    assert (thing.what, thing.table, thing.column, thing.rows) == ("table", "lessons", None, 20)
    assert thing.bytes is not None
    assert thing.bytes > 8192

    run(database, restore_table("lessons"))
    assert_equal(before, catalogue(database))
    assert database.rows("select * from lessons order by id") == rows
    assert database.value("select count(*) from visits") == 20
    assert gone(database)
    database.execute("insert into lessons (term_id) values (1)")
    assert database.rows("select id, number from lessons where title = 'Art'") == [(21, 120)]


def test_while_it_is_retired_nothing_of_it_is_left_in_the_catalogue(database: Database) -> None:
    database.execute(SCHOOL)
    run(database, retire_table("lessons"))
    aside = catalogue(database)
    database.execute("drop schema retired cascade")
    assert_equal(catalogue(database), aside)
    assert [table.name for table in aside.tables] == ["notes", "terms", "visits"]
    assert all(constraint.kind != "f" for table in aside.tables for constraint in table.constraints)


def test_tables_that_point_to_each_other_come_back_in_reverse_order(scratch: Database) -> None:
    scratch.execute(SCHOOL)
    before = catalogue(scratch)
    run(scratch, retire_table("visits"), retire_table("lessons"), retire_table("terms"))
    assert "what was retired last" in refused(scratch, restore_table("lessons"))
    run(scratch, restore_table("terms"), restore_table("lessons"), restore_table("visits"))
    assert_equal(before, catalogue(scratch))
    assert gone(scratch)


def test_one_of_the_same_name_may_come_and_be_retired_in_turn(scratch: Database) -> None:
    new = "create table t (id serial primary key, x text unique)"
    scratch.execute(new, "insert into t (x) values ('old')")
    run(scratch, retire_table("t"))
    scratch.execute(new, "insert into t (x) values ('new')")
    before = catalogue(scratch)
    assert "there is a relation called t already" in refused(scratch, restore_table("t"))
    run(scratch, retire_table("t"))

    assert scratch.rows("select x from retired.t_unnamed") == [("old",)]
    assert scratch.rows("select x from retired.t_unnamed_2") == [("new",)]
    run(scratch, restore_table("t"))
    assert scratch.rows("select x from t") == [("new",)]
    assert_equal(before, catalogue(scratch))
    scratch.execute("drop table t")
    run(scratch, restore_table("t"))
    assert scratch.rows("insert into t (x) values ('more') returning id") == [(2,)]
    assert_equal(before, catalogue(scratch))
    assert gone(scratch)


def test_columns_retired_before_go_along_and_come_back(scratch: Database) -> None:
    scratch.execute(SCHOOL)
    before, rows = catalogue(scratch), scratch.rows("select * from lessons order by id")
    run(scratch, retire_column("lessons", "mood"), retire_table("lessons"))
    assert scratch.rows("select mood from retired.lessons_mood_unnamed where id = 3") == [("glad",)]
    run(scratch, restore_table("lessons"), restore_column("lessons", "mood"))
    assert_equal(before, catalogue(scratch))
    assert scratch.rows("select * from lessons order by id") == rows
    assert gone(scratch)


ORPHANS = {
    "of another table": (
        "insert into visits (lesson_id) values (99), (98)", "2 rows (id 21; 22) of public.visits would break visits_",
        "delete from visits where lesson_id > 90",
    ),
    "of its own": (
        "delete from terms where id = 3",
        "7 rows (id 2; 5; 8; 11; 14; …) of retired.lessons_unnamed would break lessons_",
        "insert into terms values (3, 'again')",
    ),
    "no parents": (
        "alter table terms rename to semesters", "lessons_term_id_fkey needs column id of public.terms",
        "alter table semesters rename to terms",
    ),
    "name taken": ("create view lessons as select 1 as x", "a relation called lessons already", "drop view lessons"),
    "type set aside": (
        "alter type mood set schema retired", "its type retired.mood is still",
        "alter type retired.mood set schema public"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ORPHANS.values(), ids=ORPHANS.keys())
def test_what_stands_in_the_way_back_is_counted_and_can_be_resolved(
    scratch: Database, case: tuple[str, str, str]
) -> None:
    happens, words, resolved = case
    scratch.execute(SCHOOL)
    before = catalogue(scratch)
    run(scratch, retire_table("lessons"))
    scratch.execute(happens)

    assert words in refused(scratch, restore_table("lessons"))

    scratch.execute(resolved)
    run(scratch, restore_table("lessons"))
    assert_equal(before, catalogue(scratch))


REFUSED = {
    "no table": ("", "lesson", "There is no table lesson to retire"),
    "view": ("create view seen as select id from t", "t", "view seen needs it"),
    "only counted in a view": ("create view seen as select count(*) from t", "t", "view seen needs it"),
    "function": (
        "create function f() returns bigint language sql begin atomic select count(*) from t; end", "t",
        "function f() needs it",
    ),
    "its row as an argument": (
        "create function f(one t) returns int language sql as 'select 1'", "t", "function f(t) needs it"
    ),
    "its row as a column": ("create table u (one t)", "t", "table u"),
    "another's policy": (
        "create table u (id int); create policy own on u using (id in (select id from t))", "t", "policy own on table u"
    ),
    "a view itself": ("create view seen as select 1 as x", "seen", "it is no ordinary table"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_retired_is_refused_with_its_reason(scratch: Database, case: tuple[str, str, str]) -> None:
    change, table, words = case
    scratch.execute("create table t (id int primary key)", change or "select 1")
    text = refused(scratch, retire_table(table), UsageError if words.startswith("There is no") else RefusedError)
    assert words in text
    assert gone(scratch)


def test_restoring_what_nobody_retired_takes_no_other_table_for_it(scratch: Database) -> None:
    scratch.execute("create table t (id int primary key)")
    with operations(scratch) as op:
        with pytest.raises(RefusedError, match="table t, and there is one already"):
            op.restore_table("t")
        assert op.restore_table("u") is False


@pytest.mark.parametrize("table", ['my "table"', "it's 100% :x $retire$ ü", "select", "T" * 63, "日本" * 10])
def test_awkward_and_long_names(scratch: Database, table: str) -> None:
    quoted = '"' + table.replace('"', '""') + '"'
    scratch.execute(
        f"create table {quoted} (id serial primary key, x text unique)",
        f"create table child (id int references {quoted} (id))",
        f"insert into {quoted} (x) values ('a')",
    )
    before = catalogue(scratch)
    run(scratch, retire_table(table))
    run(scratch, restore_table(table))
    assert_equal(before, catalogue(scratch))
    assert scratch.rows(f"select x from {quoted}") == [("a",)]
    assert gone(scratch)


@pytest.mark.parametrize("rows", ["insert into t values (1, 2)", "select 1"], ids=["rows", "no rows"])
def test_what_one_granted_who_was_granted_it_can_be_dumped_and_restored(
    scratch: Database, newest: Server, tmp_path: Path, rows: str
) -> None:
    """A dump grants it as that role, which then has to see the schema that the table is in."""
    role = f"grantor_{scratch.url.database}"
    scratch.execute(
        f"create role {role}",
        "create table t (id serial, x integer)",
        rows,
        f"grant select on t to {role} with grant option",
        f"grant update (x) on t to {role} with grant option",
        f"set role {role}; grant select on t to public; grant update (x) on t to public",
    )
    acl = """
        select relacl::text, (select attacl::text from pg_attribute where attrelid = c.oid and attname = 'x')
          from pg_class c where relname ~ '^t(_unnamed)?$'
    """
    try:
        before = scratch.rows(acl)
        run(scratch, retire_table("t"))
        with dumps.restored(dumps.dump(scratch, 18, "plain", tmp_path / "dump"), newest) as there:
            assert there.rows(acl) == before
        run(scratch, restore_table("t"))
        assert scratch.rows(acl) == before
    finally:
        scratch.execute(f"drop owned by {role} cascade", f"drop role {role}")


PERIODS = """
create table rooms (id int4range, valid daterange, primary key (id, valid without overlaps));
create table stays (
    id int primary key, valid daterange, room int4range, foreign key (room, period valid) references rooms
);
insert into rooms values ('[1,2)', '[2020-01-01,2020-06-01)'), ('[1,2)', '[2020-06-01,2021-01-01)');
insert into stays values (1, '[2020-05-01,2020-07-01)', '[1,2)'), (2, '[2020-05-01,2020-07-01)', null);
"""


def test_a_key_over_periods_comes_back_where_several_rows_cover_one(scratch: Database) -> None:
    """From PostgreSQL 18 on: no row of the other table equals it."""
    scratch.execute(PERIODS.replace("references rooms", "references rooms (id, period valid)"))
    before, rows = catalogue(scratch), scratch.rows("select * from stays order by id")
    for table in ("stays", "rooms"):
        run(scratch, retire_table(table), restore_table(table))
        assert_equal(before, catalogue(scratch))
    run(scratch, lambda op: op.retire_rows("stays", "true"), lambda op: op.restore_rows("stays"))
    assert scratch.rows("select * from stays order by id") == rows
    run(scratch, retire_table("rooms"))
    scratch.execute(
        "update retired.rooms_unnamed set valid = '[2020-06-08,2021-01-01)' where upper(valid) > '2020-12-01'"
    )
    with operations(scratch) as op, pytest.raises(RefusedError, match="stays_room_valid_fkey"):
        op.restore_table("rooms")
