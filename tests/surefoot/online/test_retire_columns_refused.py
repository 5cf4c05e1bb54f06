"""Columns that cannot be set aside, and what stands in their way back: said with the reason, nothing changed."""

import pytest

from surefoot.errors import RefusedError, UsageError
from tests.support.databases import Database
from tests.surefoot.online.harness import assert_equal, catalogue, run
from tests.surefoot.online.retiring import gone, refused, restore, retire

REFUSED = {
    "no table": ("", "lesson", "x", "There is no table lesson to retire a column of"),
    "no column": ("", "t", "y", "Table t has no column y to retire"),
    "primary key": ("", "t", "id", "primary key t_pkey is on it"),
    "in a primary key's index": (
        "alter table t drop constraint t_pkey, add primary key (id) include (x)", "t", "x",
        "primary key t_pkey is on it",
    ),
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
    "a typed table": (
        "create type one as (id int, x int); create table typed of one (primary key (id))", "typed", "x",
        "the table is one of type one",
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
