"""`ourschool reset` counts, names, asks and backs up; and nothing of the former school is left."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.ourschool.existing.rows import Size
from tests.ourschool.history.schools import HEAD, at, catalogue, make_existing, upgrade
from tests.support import typed
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.online.harness import wait_until

RETIRED = "select count(*) from pg_namespace where nspname in ('retired', 'set_aside')"


@pytest.fixture(scope="module")
def template(newest: Server) -> Iterator[Database]:
    """At head, with what an existing database brought there."""
    with fresh(newest) as made:
        make_existing(made, Size(conflicts=False))
        upgrade(made, "head")
        yield made


@pytest.fixture
def head(template: Database) -> Iterator[Database]:
    with fresh(template.server, template=template.url.database or "") as made:
        yield made


def reset(database: Database, folder: Path, *arguments: str, says: str = "", status: int = 0) -> str:
    env = {"OURSCHOOL_BACKUPS": str(folder), "OURSCHOOL_DEVELOPMENT": "yes"}
    done = typed.ourschool(
        database, "reset", "--students", "5", *arguments, says=says, status=status, env=env
    )  # fmt: skip
    assert typed.too_wide(done.stdout) == []
    return done.stdout + done.stderr


def rows(database: Database) -> int:
    return int(str(database.value("select count(*) from grade_history")))


@pytest.mark.promise("E9")
def test_it_counts_names_and_asks_and_nothing_happens_without_the_name(head: Database, tmp_path: Path) -> None:
    before = rows(head)
    for says, words in (
        ("", "The name was not typed. Nothing was deleted."), ("\n", "The name was not typed"),
        ("y\n", "You typed 'y'"), ("yes\n", "You typed 'yes'"),
    ):  # fmt: skip
        said = reset(head, tmp_path, says=says, status=3)
        assert words in " ".join(said.split())
    name = head.url.database
    assert f"Database {name} at {head.url.query['host']}:{head.url.port} holds" in " ".join(said.split())
    assert "assignment_time_entries" in said or "grade_history" in said
    assert rows(head) == before
    assert list(tmp_path.iterdir()) == []


def test_the_name_or_yes_backs_up_and_leaves_nothing_of_the_former_school(head: Database, tmp_path: Path) -> None:
    head.execute("create schema set_aside", "create table set_aside.t as select 1 as x")
    expected = catalogue(head)
    said = reset(head, tmp_path, says=f"{head.url.database}\n")
    assert "The backup from before:" in said
    assert len(list(tmp_path.iterdir())) == 1
    assert head.value(RETIRED) == 0
    assert at(head) == [HEAD]
    assert catalogue(head) == expected
    assert head.value("select count(*) from users where role = 'student'") == 5
    assert head.value("select count(*) from migration_journal where direction = 'stamp'") == 1, "the journal stays"

    again = reset(head, tmp_path, "--yes", "--no-backup")
    assert "backup from before" not in again
    assert len(list(tmp_path.iterdir())) == 1


def test_an_empty_database_is_not_asked_about(scratch: Database, tmp_path: Path) -> None:
    assert "Reset: " in reset(scratch, tmp_path)
    assert at(scratch) == [HEAD]
    assert list(tmp_path.iterdir()) == []


def test_rows_that_are_only_set_aside_are_asked_about(scratch: Database, tmp_path: Path) -> None:
    upgrade(scratch, "head")
    scratch.execute("create schema retired", "create table retired.fees_before_base as select 1 as id")
    said = reset(scratch, tmp_path, status=3)
    assert "retired.fees_before_base" in said
    reset(scratch, tmp_path, "--yes")
    assert scratch.value(RETIRED) == 0


def test_what_an_unfinished_upgrade_left_goes_too(head: Database, tmp_path: Path) -> None:
    head.execute("drop table alembic_version", "alter table fees rename to more_fees")
    reset(head, tmp_path, "--yes", "--no-backup")
    assert at(head) == [HEAD]
    assert head.value("select to_regclass('more_fees') is null") is True


def test_a_table_in_use_is_refused_and_nothing_was_deleted(head: Database, tmp_path: Path) -> None:
    before = rows(head)
    with psycopg.connect(head.dsn) as other:
        other.execute("select * from grade_history limit 1")
        said = reset(head, tmp_path, "--yes", "--no-backup", status=3)
    assert "Somebody uses a table" in said
    assert rows(head) == before


def test_killed_in_the_middle_it_is_run_again(head: Database, tmp_path: Path) -> None:
    env = {"OURSCHOOL_BACKUPS": str(tmp_path), "OURSCHOOL_DEVELOPMENT": "yes"}
    running = head.start("reset", "--students", "5", "--yes", "--no-backup", program="ourschool", env=env)
    wait_until(head, "select from migration_journal where revision = '4b8e60d915fa' having count(*) > 1", within=120)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert at(head) != [HEAD]
    reset(head, tmp_path, "--yes", "--no-backup")
    assert at(head) == [HEAD]
    assert head.value("select count(*) from users where role = 'student'") == 5
