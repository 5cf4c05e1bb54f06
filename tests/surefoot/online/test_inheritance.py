"""A table with inheritance is refused by every operation, before anything is changed; a partition by those that take.

The rows of a child are rows of its parent: DELETE and UPDATE reach them, indexes and foreign keys do not.
"""

from pathlib import Path

import pytest

from surefoot.errors import RefusedError
from tests.support.databases import Database
from tests.surefoot.online.harness import Work, assert_equal, catalogue, empty, operations, run, write

TABLES = (
    "create table other (id integer primary key)",
    "create table pupils (id integer primary key, name text, code text, twin integer references other)",
    "create index ix on pupils (name)",
    "alter table pupils add constraint ck check (id > 0)",
    "insert into pupils select n, 'x', n from generate_series(1, 20) n",
)
PARENT = ("create table left_school (since date) inherits (pupils)", "insert into left_school values (99, 'x', '9')")
CHILD = ("create table people (id integer)", "alter table pupils inherit people")
PARTITIONED = (
    "create table pupils (id integer primary key, name text, code text, twin integer) partition by range (id)",
    "create table other (id integer primary key)",
    "create table lower partition of pupils for values from (1) to (50)",
    "create index ix on pupils (name)",
)
PARTITION = (
    "create table whole (id integer primary key, name text, code text, twin integer) partition by range (id)",
    "create table pupils partition of whole for values from (1) to (50)",
    "create table other (id integer primary key)",
    "create index ix on pupils (name)",
    "alter table pupils add constraint ck check (id > 0)",
    "insert into whole select n, 'x', n from generate_series(1, 20) n",
)
TAKING: dict[str, Work] = {
    "retire_rows": lambda op: op.retire_rows("pupils", "name = 'x'"),
    "retire_column": lambda op: op.retire_column("pupils", "code"),
    "retire_table": lambda op: op.retire_table("pupils"),
    "change_types": lambda op: op.change_types_online("pupils", {"code": ("integer", "code::integer", "code::text")}),
}
GIVING: dict[str, Work] = {
    "backfill": lambda op: op.backfill("pupils", {"name": "'y'"}, "name = 'x'"),
    "not null": lambda op: op.set_not_null_online("pupils", "name"),
    "nullable": lambda op: op.drop_not_null_online("pupils", "name"),
    "check": lambda op: op.add_check_online("longer", "pupils", "length(name) > 0"),
    "unique": lambda op: op.add_unique_online("uq", "pupils", ["id", "code"]),
    "foreign key": lambda op: op.add_foreign_key_online("fk", "pupils", "other", ["twin"], ["id"]),
    "index": lambda op: op.create_index_online("ix_code", "pupils", ["code"]),
    "drop constraint": lambda op: op.drop_constraint_online("ck", "pupils"),
    "drop index": lambda op: op.drop_index_online("ix"),
}
"""What fills, indexes and gives rules; a foreign key *to* such a table has a test of its own."""


@pytest.mark.parametrize("relatives", [PARENT, CHILD], ids=["parent", "child"])
@pytest.mark.parametrize("work", (TAKING | GIVING).values(), ids=TAKING | GIVING)
def test_refused_with_inheritance(scratch: Database, work: Work, relatives: tuple[str, ...]) -> None:
    scratch.execute(*TABLES, *relatives)
    before, rows = catalogue(scratch), scratch.rows("select tableoid::regclass, * from pupils order by id")
    with pytest.raises(RefusedError, match=r"'pupils' has inheritance") as refused:
        run(scratch, work)
    assert "no inherit" in refused.value.remedy
    assert_equal(before, catalogue(scratch))
    assert scratch.rows("select tableoid::regclass, * from pupils order by id") == rows


@pytest.mark.parametrize("work", (TAKING | GIVING).values(), ids=TAKING | GIVING)
def test_a_partitioned_table_is_refused_in_one_sentence(scratch: Database, work: Work) -> None:
    scratch.execute(*PARTITIONED)
    before = catalogue(scratch)
    with pytest.raises(RefusedError, match=r"'pupils' is a partitioned table") as refused:
        run(scratch, work)
    assert "partition by partition" in refused.value.remedy
    assert_equal(before, catalogue(scratch))


@pytest.mark.parametrize("work", TAKING.values(), ids=TAKING)
def test_nothing_of_a_partition_is_taken(scratch: Database, work: Work) -> None:
    scratch.execute(*PARTITION)
    before = catalogue(scratch)
    with pytest.raises(RefusedError, match=r"'pupils' is a partition:") as refused:
        run(scratch, work)
    assert "Detach" in refused.value.remedy
    assert_equal(before, catalogue(scratch))


def test_a_partition_is_filled_indexed_and_given_rules(scratch: Database) -> None:
    scratch.execute(*PARTITION)
    run(scratch, *GIVING.values())
    assert scratch.value("select array_agg(distinct name) from whole") == ["y"]


def test_a_foreign_key_to_a_parent_is_refused(scratch: Database) -> None:
    """It would not find the rows of the children."""
    scratch.execute(*TABLES, *PARENT)
    with pytest.raises(RefusedError, match=r"'pupils' has inheritance"):
        run(scratch, lambda op: op.add_foreign_key_online("fk", "other", "pupils", ["id"], ["id"]))


def test_labels_of_a_parent_are_refused_before_a_type_is_made(scratch: Database) -> None:
    scratch.execute("create type mood as enum ('good', 'bad')", *TABLES, "alter table pupils add mood mood", *PARENT)
    before = catalogue(scratch)
    with pytest.raises(RefusedError, match=r"has inheritance"):
        run(scratch, lambda op: op.change_enum("mood", ["good"], was=["good", "bad"]))
    assert_equal(before, catalogue(scratch))


COMING_BACK: dict[str, tuple[Work, Work]] = {
    "rows": (TAKING["retire_rows"], lambda op: op.restore_rows("pupils")),
    "column": (TAKING["retire_column"], lambda op: op.restore_column("pupils", "code")),
}


@pytest.mark.parametrize(("away", "back"), COMING_BACK.values(), ids=COMING_BACK)
def test_nothing_comes_back_into_a_parent(scratch: Database, away: Work, back: Work) -> None:
    scratch.execute(*TABLES)
    run(scratch, away)
    scratch.execute("create table left_school (since date) inherits (pupils)")
    before = catalogue(scratch)
    with pytest.raises(RefusedError, match=r"'pupils' has inheritance"):
        run(scratch, back)
    assert_equal(before, catalogue(scratch))
    scratch.execute("alter table left_school no inherit pupils")
    run(scratch, back)
    assert scratch.value("select count(code) from pupils") == 20


def test_a_table_that_became_a_parent_while_it_was_set_aside(scratch: Database) -> None:
    scratch.execute(*TABLES)
    run(scratch, TAKING["retire_table"])
    scratch.execute("create table heirs () inherits (retired.pupils_unnamed)")
    with pytest.raises(RefusedError, match="has inheritance"), operations(scratch) as op:
        op.restore_table("pupils")


PRINTED = {
    "retire_rows": "op.retire_rows('pupils', \"name = 'x'\")",
    "retire_column": "op.retire_column('pupils', 'code')",
    "retire_table": "op.retire_table('pupils')",
    "change_types": "op.change_types_online('pupils', {'code': ('integer', 'code::integer', 'code::text')})",
    "backfill": "op.backfill('pupils', {'name': \"'y'\"}, \"name = 'x'\")",
}


@pytest.mark.parametrize("body", PRINTED.values(), ids=PRINTED)
def test_printed_sql_refuses_it_too(scratch: Database, project: Path, body: str) -> None:
    scratch.execute(*TABLES, *PARENT)
    write(empty(project), "work", None, body)
    printed = scratch.alembic("upgrade", "head", "--sql", cwd=project).stdout
    rows = scratch.rows("select tableoid::regclass, * from pupils order by id")
    with pytest.raises(AssertionError, match="'pupils' has inheritance"):
        scratch.psql(stdin=printed)
    assert scratch.rows("select tableoid::regclass, * from pupils order by id") == rows
