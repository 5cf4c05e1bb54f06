"""stamp cd0edd614cc5: an existing database comes under Alembic only where it is the baseline."""

import os
import time

import pytest

from tests.ourschool.existing import rows
from tests.support.databases import Database
from tests.surefoot.commands.catalogues import catalogue
from tests.surefoot.commands.revisions import BASELINE

JOURNAL = "select revision, direction, outcome, note from migration_journal"


def unversioned(database: Database) -> bool:
    """Without the table too: what was refused has made nothing."""
    return database.value("select to_regclass('alembic_version')") is None


@pytest.mark.promise("O8", "O10")
def test_the_baseline_is_stamped_and_nothing_else_changes(existing: Database) -> None:
    with existing.connect() as connection:
        before = rows.checksums(connection), catalogue(existing)

    began, before_us = time.monotonic(), os.times()
    existing.alembic("stamp", BASELINE)
    seconds, ours = time.monotonic() - began, os.times()
    computing = ours.children_user + ours.children_system - before_us.children_user - before_us.children_system
    print(f"stamp with its check: {seconds:.2f} s the whole process, {computing:.2f} s of them computing")
    assert computing < 5  # not the seconds on the wall, which are the machine's

    assert existing.alembic("current").stdout == f"{BASELINE}\n"
    assert existing.rows(JOURNAL) == [(BASELINE, "stamp", "done", None)]
    with existing.connect() as connection:
        assert (rows.checksums(connection), catalogue(existing)) == before


@pytest.mark.promise("O10")
def test_after_dropping_alembic_version_it_is_stamped_again(existing: Database) -> None:
    existing.alembic("stamp", BASELINE)
    existing.execute("drop table alembic_version")
    assert existing.alembic("current").stdout == ""
    existing.alembic("stamp", BASELINE)
    assert existing.alembic("current").stdout == f"{BASELINE}\n"


LACKING = {
    "an index is missing": ("drop index ix_users_email", "index ix_users_email on users: missing"),
    "a table is missing": ("drop table journal_entries", "table journal_entries: missing"),
    "a column is missing": ("alter table users drop column last_name", "column users.last_name: missing"),
    "a column of another type": (
        "alter table users alter column grade_level type varchar(20)",
        "column users.grade_level: expected",
    ),
    "a foreign key is missing": (
        "alter table terms drop constraint terms_created_by_fkey",
        "constraint terms_created_by_fkey on terms: missing",
    ),
    "a label is missing": ("alter type termtype rename value 'custom' to 'other'", "enum termtype: expected"),
    "a default where none was": (
        "alter table users alter column is_active set default true",
        "column users.is_active: ",
    ),
}


@pytest.mark.promise("O10")
@pytest.mark.parametrize(
    "names", [("an index is missing",), ("a default where none was",), tuple(LACKING)], ids=["lacks", "differs", "all"]
)
def test_what_lacks_something_or_has_it_differently_is_refused(existing: Database, names: tuple[str, ...]) -> None:
    existing.execute(*(LACKING[name][0] for name in names))
    said = existing.alembic("stamp", BASELINE, status=3).stderr
    assert f"ourschool: This database is not the baseline {BASELINE}, so it was not stamped:\n  " in said
    for name in names:
        assert f"\n  {LACKING[name][1]}" in said
    assert "\n→ Mend what is listed and stamp again. -x force=yes before the command" in said
    assert unversioned(existing)


@pytest.mark.promise("O10")
def test_a_refused_stamp_has_not_purged_what_was_there(existing: Database) -> None:
    existing.alembic("stamp", BASELINE)
    existing.execute("drop index ix_users_email")
    assert "index ix_users_email on users: missing" in existing.alembic("stamp", "--purge", BASELINE, status=3).stderr
    assert existing.alembic("current").stdout == f"{BASELINE}\n"


@pytest.mark.promise("O10")
def test_an_empty_database_is_not_the_baseline(scratch: Database) -> None:
    said = scratch.alembic("stamp", BASELINE, status=3).stderr
    assert "\n  table users: missing" in said
    assert unversioned(scratch)


@pytest.mark.promise("O10")
def test_force_stamps_all_the_same_and_is_journalled(existing: Database) -> None:
    existing.execute("drop index ix_users_email")
    said = existing.alembic("-x", "force=yes", "stamp", BASELINE).stderr
    assert "Stamped all the same (-x force=yes)" in said
    assert "index ix_users_email on users: missing" in said
    assert existing.alembic("current").stdout == f"{BASELINE}\n"
    assert existing.rows(JOURNAL) == [(BASELINE, "stamp", "done", "-x force=yes")]


@pytest.mark.promise("O10")
def test_only_yes_forces(existing: Database) -> None:
    existing.execute("drop index ix_users_email")
    existing.alembic("-x", "force=no", "stamp", BASELINE, status=3)
    assert unversioned(existing)


@pytest.mark.promise("O10")
def test_what_is_beyond_the_baseline_is_only_named(existing: Database) -> None:
    existing.execute(
        "create table canteen (id integer)",
        "create index ix_users_canteen on users (last_name)",
        "alter table users add column locker integer",
    )
    said = existing.alembic("stamp", BASELINE).stderr
    for name in ("table canteen", "index ix_users_canteen on users", "column users.locker"):
        assert f"Beyond the baseline: {name}: unexpected" in said
    assert existing.alembic("current").stdout == f"{BASELINE}\n"
    assert existing.value("select count(*) from canteen") == 0


@pytest.mark.promise("O10")
def test_the_check_works_on_every_server(database: Database) -> None:
    database.alembic("upgrade", BASELINE)
    database.execute("drop table alembic_version")
    database.alembic("stamp", BASELINE)
    database.execute("drop table alembic_version", "drop index ix_users_email")
    database.alembic("stamp", BASELINE, status=3)


@pytest.mark.parametrize("revision", ["head", "17d4b8e26fa9"])
def test_what_is_not_a_released_revision_is_not_stamped_with_it(existing: Database, revision: str) -> None:
    """An application that starts believes alembic_version: the tables would be missing, and nobody would know."""
    said = existing.alembic("stamp", revision, status=3).stderr
    assert "is not what revision" in said
    assert "more\n" in said
    assert unversioned(existing)
    existing.alembic("-x", "force=yes", "stamp", revision)
    assert existing.rows(JOURNAL)[-1][3] == "-x force=yes"


def test_what_is_a_released_revision_is_stamped_with_it(at_head: Database) -> None:
    at_head.execute("drop table alembic_version")
    at_head.alembic("stamp", "head")
    at_head.alembic("check")
