"""A revision that was cut off knows what it made itself, and takes nothing of anybody else's for it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.online.harness import MARKS, assert_equal, catalogue, empty, write
from tests.surefoot.online.runner import Runner

UPGRADE = """
    op.execute("create or replace function seen() returns integer language sql as 'select 1'")
    if not op.restore_table("extra"):
        op.create_table("extra", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("what", sa.Text()))
        op.create_index("ix_extra_what", "extra", ["what"])
    op.backfill("marks", {"note": "'-'"}, "note is null")
    if not op.restore_column("marks", "seen"):
        op.add_column("marks", sa.Column("seen", sa.Text(), server_default="no"), if_not_exists=True)
    op.add_check_online("marks_seen_check", "marks", "seen <> ''")
    op.create_index_online("ix_marks_seen", "marks", ["seen"])
"""
DOWNGRADE = """
    op.drop_index_online("ix_marks_seen", "marks")
    op.drop_constraint_online("marks_seen_check", "marks")
    op.retire_column("marks", "seen")
    op.retire_table("extra")
    op.execute("drop function if exists seen()")
"""
NOTES = "select kind, relation::text, name from migration_made where kind in ('relation', 'column') order by 1, 2, 3"
MARK = "select to_regclass('migration_made') is null"


@pytest.fixture
def two(project: Path) -> Path:
    empty(project)
    write(
        project,
        "one",
        None,
        "\n".join(f"op.execute({statement!r})" for statement in MARKS),
        "raise NotImplementedError",
    )
    write(project, "two", "one", UPGRADE, DOWNGRADE)
    return project


@pytest.fixture
def at_one(newest: Server, two: Path) -> Iterator[str]:
    with fresh(newest) as made:
        made.alembic("upgrade", "one", cwd=two)
        yield str(made.url.database)


@pytest.fixture
def database(newest: Server, at_one: str) -> Iterator[Database]:
    with fresh(newest, template=at_one) as made:
        yield made


def cut_off(database: Database, runner: Runner, until: str, *arguments: str) -> None:
    """Kill the command at the first statement at which `until` has a row when it is over."""
    for nth in range(1, 200):
        ended = runner.alembic(*arguments, kill_at=nth)
        assert ended.killed, ended.output
        if database.rows(until):
            return
    raise AssertionError(until)


SEEN_OR_EXTRA = """
select 1 from pg_attribute where attrelid = 'marks'::regclass and attname = 'seen' and not attisdropped
union all
select 1 where to_regclass('extra') is not null
"""
TABLE_IS_THERE = "select 1 where to_regclass('extra') is not null"


def test_killed_anywhere_it_goes_on_up_down_and_up(newest: Server, at_one: str, two: Path) -> None:
    with fresh(newest, template=at_one) as reference:
        reference.alembic("upgrade", "two", cwd=two)
        expected = catalogue(reference)
        assert reference.value(MARK) is True
    with fresh(newest, template=at_one) as made, Runner(made, two) as runner:
        before = catalogue(made)
        cuts = 0
        for direction, target, wanted in (("upgrade", "two", expected), ("downgrade", "one", before),
                                          ("upgrade", "two", expected)):  # fmt: skip
            for nth in range(1, 400, 2):
                ended = runner.alembic(direction, target, kill_at=nth)
                if not ended.killed:
                    assert ended.status == 0, ended.output
                    break
                cuts += 1
            assert_equal(wanted, catalogue(made))
            assert made.value(MARK) is True
    assert cuts > 20


@pytest.mark.parametrize(
    "make",
    [
        "create table extra (id serial, foo text)",
        "create table extra (id integer primary key, what text)",
        "create view extra as select 1 as foo",
    ],
)
def test_what_somebody_made_since_is_not_taken_for_it(database: Database, two: Path, make: str) -> None:
    with Runner(database, two) as runner:
        cut_off(database, runner, TABLE_IS_THERE, "upgrade", "two")
        database.execute("drop table extra", make)
        again = runner.alembic("upgrade", "two")
        assert again.status == 3, again.output
        assert "table extra, and there is one already" in again.output
        assert database.rows(TABLE_IS_THERE)
        assert database.value("select version_num from alembic_version") == "one"


@pytest.mark.parametrize(
    ("stranger", "named"),
    [
        ("create table extra (id integer primary key, what text)", "table extra"),
        ("create view extra as select 1 as id", "table extra"),
        ("create materialized view extra as select 1 as id", "table extra"),
        ("create sequence extra", "table extra"),
        ("alter table marks add seen text default 'no'", "column marks.seen"),
    ],
)
def test_a_revision_that_is_not_released_takes_no_stranger_for_its_own(
    database: Database, two: Path, stranger: str, named: str
) -> None:
    """Even one that is the same to the last column: nobody knows whose its rows are."""
    database.execute(stranger)
    ended = database.alembic("upgrade", "two", cwd=two, status=3)
    assert f"makes {named}, and there is one already" in ended.stderr
    assert database.rows(SEEN_OR_EXTRA)
    assert database.value("select version_num from alembic_version") == "one"


def test_a_table_of_another_schema_is_nobodys_stranger(database: Database, two: Path) -> None:
    database.execute("create schema other", "create table other.extra (foo text)",
                     f'alter database "{database.url.database}" set search_path = public, other')  # fmt: skip
    database.alembic("upgrade", "two", cwd=two)
    assert database.value("select count(*) from public.extra") == 0


def test_half_way_it_can_be_dumped_and_restored(newest: Server, database: Database, two: Path) -> None:
    with Runner(database, two) as runner:
        cut_off(database, runner, TABLE_IS_THERE, "upgrade", "two")
    assert ("relation", "extra", "extra") in database.rows(NOTES)
    dump = two / "half.sql"
    pg_dump = [str(newest.bin / "pg_dump"), "-f", str(dump), database.dsn]
    subprocess.run(pg_dump, check=True)
    with fresh(newest) as restored:
        restored.psql("-f", str(dump))
        restored.alembic("upgrade", "two", cwd=two)
        assert restored.value(MARK) is True
