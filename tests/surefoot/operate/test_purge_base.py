"""The way down to base and up again: what stays set aside is told and can be deleted, and what is deleted is said."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from surefoot.operate.change import row_counts
from tests.ourschool.existing.rows import Size
from tests.ourschool.history.schools import BASELINE, catalogue, downgrade, make_existing, upgrade
from tests.support import typed
from tests.support.databases import Database, fresh
from tests.support.servers import Server

SETTINGS = "f107112354ef"
"""Makes system_settings and, by a trigger, settings_changes."""
SCHEMA = "select count(*) from pg_namespace where nspname = 'retired'"
OF_PUPILS = ("guardianships", "assignment_time_entries")
"""Tables of later revisions that the upgrade of an existing school fills."""


@pytest.fixture(scope="module")
def template(newest: Server) -> Iterator[str]:
    with fresh(newest) as made:
        make_existing(made, Size(conflicts=False))
        upgrade(made, "head")
        yield str(made.url.database)


@pytest.fixture
def head(newest: Server, template: str) -> Iterator[Database]:
    with fresh(newest, template=template) as made:
        yield made


def run(database: Database, folder: Path, *words: str, status: int = 0) -> str:
    done = typed.ourschool(database, *words, status=status, env={"OURSCHOOL_BACKUPS": str(folder)})
    assert typed.too_wide(done.stdout) == []
    return " ".join((done.stdout + done.stderr).split())


def counts(database: Database) -> dict[str, int]:
    return {table: int(str(database.value(f"select count(*) from {table}"))) for table in OF_PUPILS}


@pytest.mark.parametrize("purged", [True, False])
def test_what_the_way_to_base_set_aside_is_listed_and_the_last_purge_leaves_nothing(
    head: Database, tmp_path: Path, purged: bool
) -> None:
    at_head, rows = catalogue(head), counts(head)
    assert all(rows.values())
    if purged:
        run(head, tmp_path, "purge", "--older-than", "0", "--yes")
    downgrade(head, "base")
    upgrade(head, "head")

    told = run(head, tmp_path, "status", "--retired")
    for table, revision in zip(OF_PUPILS, ("fc69c0a2ff5a", "01314a237f6e"), strict=True):
        aside = rf"table {table}, {rows[table]} rows, set aside on 20[0-9-]+ by the downgrade of {revision}, on the way"
        assert re.search(f"{aside} to base, to be read in retired.{table}_{revision} → No upgrade brings it back", told)
        assert head.value(f"select count(*) from {table}") == 0  # those of people who are gone
    assert ("rows lesson_assignments" in told) is not purged
    said = run(head, tmp_path, "purge", "--older-than", "0", "--yes")
    assert all(f"table {table}, {rows[table]} rows" in said for table in OF_PUPILS)
    assert "makes their columns and tables again" not in said
    assert head.value(SCHEMA) == 0
    assert catalogue(head) == at_head


def test_a_purge_at_base_leaves_nothing(head: Database, tmp_path: Path) -> None:
    downgrade(head, "base")
    run(head, tmp_path, "purge", "--older-than", "0", "--yes")
    assert head.value(SCHEMA) == 0
    upgrade(head, "head")
    assert head.value(SCHEMA) == 0


def test_a_rollback_to_base_says_what_it_deletes(head: Database, tmp_path: Path) -> None:
    """It said of every table that it was set aside, and the twelve old ones were dropped with every row."""
    with head.engine().connect() as connection:
        before = row_counts.count(connection)
    said = run(head, tmp_path, "rollback", "base", "--yes")
    deleted, _, aside = said.partition("Kept in schema retired")
    assert "Deleted; only the backup that is made first will have them: table assignment_templates: 360 rows" in deleted
    assert "table users: 56 rows" in deleted
    assert "table guardianships: 29 rows" in aside
    assert "table users" not in aside
    with head.engine().connect() as connection:
        after = row_counts.count(connection)
    present, more = sum(before.present.values()), sum(after.retired.values()) - sum(before.retired.values())
    assert f"{present:,} before, 0 now, {more:,} set aside, {present - more:,} deleted." in said


def test_down_to_base_again_and_again(scratch: Database, tmp_path: Path) -> None:
    """The fourth time there was no name left, and every further way down ended with "query returned no rows"."""
    for _ in range(5):
        upgrade(scratch, SETTINGS)
        scratch.execute("insert into system_settings (key, value) values ('name of the school', 'Oak')")
        downgrade(scratch, "base")
    assert scratch.value("select count(*) from retired.things where table_name = 'settings_changes'") == 5
    run(scratch, tmp_path, "purge", "--older-than", "0", "--yes")
    assert scratch.value(SCHEMA) == 0


OTHERS = (
    "create view nobody as select 1 as seat where false",
    "create function seats(room integer) returns integer language sql as 'select 30'",
    "create type pair as (one integer, other integer)",
    "create sequence tickets",
    "create table rooms (id integer)",
    "create table canteen (id integer primary key, eats integer references users)",
    "insert into canteen select 1, min(id) from users",
)


def test_what_others_made_comes_back_at_base_or_stays_set_aside(scratch: Database, tmp_path: Path) -> None:
    """It was taken for the school's, dropped as a table, and the way down to base failed for ever."""
    make_existing(scratch, Size(conflicts=False), stamped=False)
    scratch.execute(*OTHERS)
    repair = tmp_path / "repair.sql"
    run(scratch, tmp_path, "adopt", "--repair", str(repair), "--decided", status=3)
    run(scratch, tmp_path, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(repair))
    run(scratch, tmp_path, "adopt")
    upgrade(scratch, "17d4b8e26fa9")
    downgrade(scratch, "base")

    assert scratch.rows("select * from nobody") == []
    assert scratch.value("select seats(1)") == 30
    assert scratch.rows("select * from rooms") == []
    assert scratch.value("select nextval('tickets')") == 1
    assert scratch.rows("select what, table_name, revision from retired.things") == [("table", "canteen", BASELINE)]
    assert "table canteen, 1 row, set aside on 20" in run(scratch, tmp_path, "status", "--retired", status=1)
    assert "table canteen, 1 row, set aside on 20" in run(scratch, tmp_path, "purge", "--older-than", "0", "--yes")
    assert scratch.value(SCHEMA) == 0


def test_what_somebody_dropped_by_hand_stops_no_way_to_base(head: Database) -> None:
    downgrade(head, BASELINE)
    head.execute("drop table retired.guardianships_fc69c0a2ff5a")
    downgrade(head, "base")
    assert "guardianships" not in str(head.rows("select table_name from retired.things"))


def test_a_view_of_somebodys_own_is_named_and_cascade_is_not_advised(head: Database) -> None:
    downgrade(head, BASELINE)
    head.execute("create view report_card as select email from users")
    done = head.alembic("downgrade", "base", status=4)
    said = " ".join(done.stderr.split())
    assert "view report_card depends on table users" in said
    assert "cascade" not in said.lower()
    head.execute("drop view report_card")
    downgrade(head, "base")
