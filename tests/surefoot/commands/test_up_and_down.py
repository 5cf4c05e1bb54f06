"""upgrade and downgrade go where they are told, and back."""

from pathlib import Path

import pytest

from tests.ourschool.existing import rows
from tests.support.databases import Database
from tests.surefoot.commands.catalogues import catalogue, differences, leftovers
from tests.surefoot.commands.revisions import BASELINE, CHAIN, HEAD, write


def version(database: Database) -> object:
    return database.value("select string_agg(version_num, ' ' order by version_num) from alembic_version")


@pytest.mark.promise("O4", "T1")
def test_upgrade_builds_everything_in_an_empty_database(database: Database) -> None:
    said = database.alembic("-x", "snapshot=no", "upgrade", "head").stderr
    assert version(database) == HEAD
    assert len(catalogue(database).tables) >= 12
    for revision in CHAIN:
        assert f"upgrade of {revision} took " in said


@pytest.mark.promise("O4", "T4")
def test_upgrade_and_downgrade_to_a_revision_and_by_steps(scratch: Database) -> None:
    for command, reached in (
        (("upgrade", CHAIN[1]), CHAIN[1]),
        (("upgrade", "+1"), CHAIN[2]),
        (("upgrade", "head"), HEAD),
        (("downgrade", "-1"), CHAIN[-2]),
        (("upgrade", "head"), HEAD),
        (("downgrade", CHAIN[1]), CHAIN[1]),
        (("upgrade", CHAIN[2][:6]), CHAIN[2]),
        (("downgrade", "base"), None),
    ):
        scratch.alembic(*command)
        assert version(scratch) == reached, command


@pytest.mark.promise("E4", "T4")
def test_base_and_head_round_trip_and_base_leaves_nothing(database: Database) -> None:
    database.alembic("upgrade", "head")
    first = catalogue(database)
    database.alembic("downgrade", "base")
    assert leftovers(database) == []
    assert version(database) is None
    database.alembic("upgrade", "head")
    assert catalogue(database) == first


@pytest.mark.promise("C1")
def test_a_second_upgrade_does_nothing_and_says_so(at_head: Database) -> None:
    before = at_head.rows("select * from migration_journal")
    done = at_head.alembic("upgrade", "head")
    assert f"Nothing to do: the database is at {HEAD}." in done.stderr
    assert at_head.rows("select * from migration_journal") == before


@pytest.mark.promise("O4", "C4")
def test_rows_survive_the_way_up_and_down(existing: Database) -> None:
    tables = tuple(rows.TABLES)

    def counts() -> dict[str, object]:
        return {table: existing.value(f"select count(*) from {table}") for table in tables}

    before = counts()
    existing.alembic("stamp", BASELINE)
    existing.alembic("upgrade", "head")
    moved = {"attendance_records", "lesson_assignments"}  # some are set aside; templates' own lessons are added
    assert {table for table, count in counts().items() if count != before[table]} == moved
    existing.alembic("downgrade", BASELINE)
    assert counts() == before
    assert all(before.values())


@pytest.mark.promise("O11")
def test_a_failing_revision_leaves_the_one_before_it_and_the_same_command_goes_on(
    at_head: Database, scratch: Database, project: Path
) -> None:
    write(project, "goodone", upgrade="op.execute('create table kept (id integer)')")
    failing = write(
        project,
        "badone",
        after="goodone",
        upgrade="op.execute('create table half (id integer)')\nop.execute('select 1 / 0')",
    )
    said = at_head.alembic("upgrade", "head", cwd=project, status=4).stderr
    assert (
        "ourschool: upgrade badone failed: division by zero. python -m ourschool history --debug shows the statement.\n"
        in said
    )
    assert "\nYour data: The database is at revision goodone (" in said
    assert "; 1 of 2 revisions was applied in this run.\nThe school: It can work: every revision that was" in said
    assert "\nNext: Correct the rows" in said
    assert "Do not downgrade" in said
    assert version(at_head) == "goodone"
    assert at_head.rows("select to_regclass('kept')::text, to_regclass('half')::text") == [("kept", None)]

    failing.write_text(failing.read_text("utf-8").replace("1 / 0", "1"), "utf-8")
    at_head.alembic("upgrade", "head", cwd=project)
    assert version(at_head) == "badone"
    scratch.alembic("upgrade", "head", cwd=project)
    assert differences(scratch, at_head) == ()
