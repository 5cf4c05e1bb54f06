"""What stands in the way of what had no rows: rows that came meanwhile, names that are taken, rows that nobody sees."""

from contextlib import suppress

import psycopg
import pytest
import sqlalchemy as sa

from surefoot.errors import RefusedError
from tests.support.databases import Database
from tests.surefoot.online.harness import assert_equal, catalogue, operations, run
from tests.surefoot.online.retiring import ASIDE, SCHOOL, gone, refused, restore_table, retire_table
from tests.surefoot.online.retiring import restore as restore_column
from tests.surefoot.online.retiring import retire as retire_column


def test_nulls_in_a_table_with_rows_are_set_aside_as_ever(scratch: Database) -> None:
    scratch.execute("create table t (id int primary key, x text)", "insert into t values (1)")
    run(scratch, retire_column("t", "x"))
    assert ("t.__retired_unnamed_x",) in scratch.rows(ASIDE)


def test_rows_that_came_meanwhile_get_the_default_or_are_asked_for(scratch: Database) -> None:
    scratch.execute("create table t (id int primary key, x text not null default 'd', n int not null, k serial)")
    before = catalogue(scratch)
    run(scratch, *(retire_column("t", name) for name in "xnk"))
    scratch.execute("insert into t select generate_series(1, 3)")
    run(scratch, restore_column("t", "k"))
    said = refused_but_there(scratch, "t", "n")
    assert "it was NOT NULL without a default, and 3 rows (id 1; 2; 3) came" in said
    assert '"__retired_unnamed_n" = VALUE' in said
    assert "Nothing was changed" not in said
    scratch.execute("update t set __retired_unnamed_n = id where __retired_unnamed_n is null")
    run(scratch, restore_column("t", "n"), restore_column("t", "x"))
    assert_equal(before, catalogue(scratch))
    assert scratch.rows("select id, x, n, k from t order by id") == [(n, "d", n, n) for n in (1, 2, 3)]
    assert gone(scratch)


def refused_but_there(database: Database, table: str, column: str) -> str:
    with operations(database) as op, pytest.raises(RefusedError) as caught:
        op.restore_column(table, column)
    return str(caught.value)


BEFORE_IT_IS_BACK = {
    "the name is taken": ("alter table t add x int", "there is a column of that name", "alter table t drop x"),
    "its type is gone": ("drop type mood", "type \"public.mood\" does not exist", "create type mood as enum ('glad')"),
    "its type is set aside": (
        "alter type mood set schema elsewhere", "does not exist", "alter type elsewhere.mood set schema public"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BEFORE_IT_IS_BACK.values(), ids=BEFORE_IT_IS_BACK.keys())
def test_a_column_that_cannot_be_made_again_is_refused_and_nothing_changed(
    scratch: Database, case: tuple[str, str, str]
) -> None:
    happens, words, resolved = case
    scratch.execute(
        "create schema elsewhere", "create type mood as enum ('glad')", "create table t (id int primary key, x mood)"
    )
    before = catalogue(scratch)
    run(scratch, retire_column("t", "x"))
    scratch.execute(happens)
    assert words in refused(scratch, restore_column("t", "x"))
    assert gone(scratch)
    scratch.execute(resolved)
    run(scratch, restore_column("t", "x"))
    assert_equal(before, catalogue(scratch))


ON_THE_WAY_BACK = {
    "a name is taken": ("create view lessons as select 1 as x", "a relation called lessons", "drop view lessons"),
    "rows that point to it": (
        "insert into visits (lesson_id) values (99)", "1 rows (id 1)", "delete from visits where lesson_id = 99"
    ),
    "what it points to": (
        "alter table terms rename to semesters", "needs column id of public.terms",
        "alter table semesters rename to terms",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ON_THE_WAY_BACK.values(), ids=ON_THE_WAY_BACK.keys())
def test_what_stands_in_the_way_of_a_table_is_refused_and_nothing_changed(
    scratch: Database, case: tuple[str, str, str]
) -> None:
    happens, words, resolved = case
    scratch.execute(SCHOOL, "truncate lessons, visits, notes restart identity")
    before = catalogue(scratch)
    run(scratch, retire_table("lessons"))
    scratch.execute(happens)
    assert words.replace("1 rows", "1 row") in refused(scratch, restore_table("lessons"))
    assert gone(scratch)
    scratch.execute(resolved)
    run(scratch, restore_table("lessons"))
    assert_equal(before, catalogue(scratch))


def test_rows_that_a_policy_hides_are_rows(scratch: Database) -> None:
    """An owner without BYPASSRLS sees an empty table, and it holds a row."""
    scratch.execute("drop role if exists owning", "create role owning", "grant create on schema public to owning")
    name = str(scratch.url.database)
    scratch.execute(
        f'grant create on database "{name}" to owning',
        "create table t (id int, x text)",
        "insert into t values (1, 'hidden')",
        "alter table t enable row level security",
        "alter table t force row level security",
        "alter table t owner to owning",
    )
    try:
        with operations(scratch) as op:
            op.get_bind().exec_driver_sql("set role owning")
            op.get_bind().commit()
            with suppress(sa.exc.ProgrammingError):  # who counts rows with row_security off is refused altogether
                op.retire_column("t", "x")
        assert "hidden" in str(scratch.rows("select * from t"))
    finally:
        scratch.execute("drop owned by owning cascade", "drop role owning")


def test_a_row_that_comes_under_an_older_snapshot_is_a_row(scratch: Database) -> None:
    name = str(scratch.url.database)
    scratch.execute(
        f"alter database \"{name}\" set default_transaction_isolation = 'repeatable read'",
        "create table t (id int primary key, x text)",
    )
    with psycopg.connect(scratch.dsn) as other:
        other.execute("insert into t values (1, 'a')")
        with operations(scratch) as op:
            op.get_bind().exec_driver_sql("select 1 from t")
            other.commit()
            op.get_bind().commit()
            op.retire_column("t", "x")
    assert scratch.rows("select __retired_unnamed_x from t") == [("a",)]
