"""Rows moved aside and put back where their table is another by then, or has rules of its own."""

import logging
from pathlib import Path

import pytest

from surefoot.online.retire import kept_definitions
from tests.support.databases import Database
from tests.surefoot.online.harness import empty, run, write
from tests.surefoot.online.retiring import gone, refused, restored_rows, retire_rows

ROWS_AND_TYPES = {
    "one": (None, 'op.execute("create table t (id int primary key, x text, n numeric)")', "pass"),
    "two": ("one", 'op.retire_rows("t", "id > 2")', 'op.restore_rows("t")'),
    "three": (
        "two",
        """op.change_types_online("t", {"n": ("text", "n::text", "n::numeric")})""",
        """op.change_types_online("t", {"n": ("numeric", "n::numeric", "n::text")})""",
    ),
}
THREE = ["insert into t values (1, 'a', 1), (2, 'b', 'NaN'), (3, 'c', 1.50), (4, 'd', null)"]


def test_rows_are_retired_again_where_some_were_left_and_the_table_has_other_columns(
    scratch: Database, project: Path
) -> None:
    """A change of types has left a column of its own by then, which what was left has not."""
    empty(project)
    for revision, (below, up, down) in ROWS_AND_TYPES.items():
        write(project, revision, below, up, down)
    scratch.alembic("upgrade", "one", cwd=project)
    scratch.execute(*THREE)
    rows = scratch.rows("select id, x, n from t order by id")
    scratch.alembic("upgrade", "three", cwd=project)
    scratch.execute("insert into t (id, x) values (3, 'who took the key')")
    scratch.alembic("downgrade", "one", cwd=project)
    for _ in range(2):
        scratch.alembic("upgrade", "three", cwd=project)
        assert scratch.rows("select id from t order by id") == [(1,), (2,)]
        scratch.alembic("downgrade", "one", cwd=project)
        assert scratch.value("select x from t where id = 4") == "d"
    scratch.alembic("upgrade", "three", cwd=project)
    scratch.execute("delete from retired.t_rows_two_2 where id = 3")  # who took the key is wanted no more
    scratch.alembic("downgrade", "one", cwd=project)
    assert str(scratch.rows("select id, x, n from t order by id")) == str(rows)


def test_rows_come_back_where_a_column_was_purged_that_was_retired_before_them(
    scratch: Database, project: Path
) -> None:
    empty(project)
    write(project, "one", None, 'op.execute("create table t (id int primary key, x text, n numeric)")')
    write(project, "two", "one", 'op.retire_column("t", "x")', 'op.restore_column("t", "x")')
    write(project, "three", "two", 'op.retire_rows("t", "id > 2")', 'op.restore_rows("t")')
    scratch.alembic("upgrade", "one", cwd=project)
    scratch.execute(*THREE)
    scratch.alembic("upgrade", "three", cwd=project)
    number = scratch.value("select id from retired.things where what = 'column'")
    scratch.execute(kept_definitions.purge_block("column", int(str(number))))
    said = scratch.alembic("downgrade", "one", cwd=project).stderr
    assert "Rows of t come back without __retired_two_x, which was purged from all others" in said
    assert scratch.rows("select id, x from t order by id") == [(1, None), (2, None), (3, None), (4, None)]


def test_rows_of_one_revision_before_and_after_a_column_was_added(scratch: Database, project: Path) -> None:
    empty(project)
    write(project, "one", None, 'op.execute("create table t (id int primary key, x text, n numeric)")')
    write(
        project, "two", "one",
        """
        op.retire_rows("t", "id = 3")
        op.add_column("t", sa.Column("more", sa.Integer, server_default="7"))
        op.retire_rows("t", "id = 4")
        """,
        """
        op.restore_rows("t")
        op.retire_column("t", "more")
        """,
    )  # fmt: skip
    scratch.alembic("upgrade", "one", cwd=project)
    scratch.execute(*THREE)
    scratch.alembic("upgrade", "two", cwd=project)
    assert scratch.rows("select id from t order by id") == [(1,), (2,)]
    scratch.alembic("downgrade", "one", cwd=project)
    assert scratch.rows("select id, x from t order by id") == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    assert scratch.value("select to_regclass('retired.t_rows_two') is null")


@pytest.mark.parametrize("rule", ["unique (x)", "exclude using btree (x with =)"])
def test_rows_of_a_table_with_a_deferrable_constraint_come_back(
    scratch: Database, caplog: pytest.LogCaptureFixture, rule: str
) -> None:
    """PostgreSQL takes no ON CONFLICT for such a table."""
    scratch.execute(
        f"create table t (id int primary key, x int, {rule} deferrable initially deferred)",
        "insert into t select n, n from generate_series(1, 20) as n",
    )
    run(scratch, retire_rows("t", "id > 2"))
    scratch.execute("insert into t values (7, 100), (101, 9)")
    with caplog.at_level(logging.WARNING, "surefoot"):
        assert restored_rows(scratch, "t") == 16
    assert "1 whose key is taken (id 7)" in caplog.text
    scratch.execute("delete from t where id in (7, 101)")
    scratch.execute("insert into t (id, x) select id, x from retired.t_rows_unnamed")
    assert scratch.rows("select id, x from t order by id") == [(n, n) for n in range(1, 21)]


def test_a_table_with_columns_of_every_name_that_ours_may_have(scratch: Database) -> None:
    scratch.execute(
        "create table t (id int primary key, reason text, retired_reason text, __reason text, retired_at int)",
        "insert into t values (1, 'a', 'b', 'c', 4)",
    )
    before = scratch.rows("select * from t")
    run(scratch, retire_rows("t", "true"))
    assert restored_rows(scratch, "t") == 1
    assert scratch.rows("select * from t") == before
    assert gone(scratch)


@pytest.mark.parametrize("event", ["insert", "update", "delete"])
def test_a_rule_that_does_more_is_refused_before_anything_is_moved(scratch: Database, event: str) -> None:
    """PostgreSQL takes no statement that moves its rows, and the way back would be shut as well."""
    scratch.execute(
        "create table t (id int primary key)",
        "insert into t values (1)",
        f'create rule "a %" as on {event} to t do also notify written',
    )
    assert 'while its rule "a %" does something else' in refused(scratch, retire_rows("t", "true"))
    assert gone(scratch)
    scratch.execute('alter table t disable rule "a %"')
    run(scratch, retire_rows("t", "true"))
    scratch.execute('alter table t enable rule "a %"')
    assert 'while its rule "a %" does something else' in refused(scratch, lambda op: op.restore_rows("t"))
