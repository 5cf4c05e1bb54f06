"""kill -9 at any point: a cut-off backup never counts, and the old database serves through a cut-off restore."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from psycopg import sql

from surefoot.operate.backup import Backup, backups, drop_old, list_replaced, swap_in, verify_files
from surefoot.operate.backup.store import listing
from surefoot.settings import Settings
from tests.support.databases import Database
from tests.surefoot.faults.runs import until
from tests.surefoot.operate.backup.schools import databases_like, harm, ourschool, start, state_of


@pytest.fixture(autouse=True)
def no_unmarked_databases(school: Database) -> Iterator[None]:
    """Drop what a command left that was killed between CREATE DATABASE and the comment that marks it as abandoned."""
    yield
    left = """
        select datname
          from pg_database
         where datname like 'ourschool\\_%'
           and shobj_description(oid, 'pg_database') is null
    """
    with school.server.connect() as admin:
        until(lambda: not admin.execute("select from pg_stat_activity where query ilike 'create database%'").fetchall(),
              "no CREATE DATABASE of a killed client")  # fmt: skip
        for (name,) in admin.execute(left).fetchall():
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def kill(database: Database, project: Path, moment: float, *arguments: str) -> int:
    """The command, and whatever it started, killed after so many seconds; its exit status."""
    process = start(database, project, *arguments)
    time.sleep(moment)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return process.returncode


def lasting(database: Database, project: Path, *arguments: str) -> float:
    started = time.monotonic()
    ourschool(database, project, *arguments)
    return time.monotonic() - started


def backup_survives(school: Database, project: Path, settings: Settings, kills: int) -> None:
    whole = lasting(school, project, "backup")
    chance = random.Random(7)
    done = 1
    for nth in range(kills):
        done += kill(school, project, whole * (0.25 + 0.75 * (nth + chance.random()) / kills), "backup") == 0
        found = listing(settings.backup_folder)
        # one that was named and killed while it said so
        assert done <= len(found.backups) <= done + 1
        done = len(found.backups)
        assert found.damaged == ()
        for each in found.backups:
            verify_files(each)
    ourschool(school, project, "backup")
    assert len(backups(settings.backup_folder)) == done + 1


def restore_survives(school: Database, project: Path, made: Backup, kills: int) -> None:
    """Two states there may be, each whole: as before, or restored. The same command again ends well."""
    restored = state_of(school)
    harm(school)
    harmed = state_of(school)
    whole = lasting(school, project, "restore", made.name, "--yes")
    assert state_of(school) == restored
    chance = random.Random(11)
    moments = [whole * (0.2 + 0.8 * (nth + chance.random()) / kills) for nth in range(kills)]
    in_time = 0
    while moments:
        moment = moments.pop(0)
        (old, *_) = [each.name for each in list_replaced(school.url) if each.kind == "before"]
        swap_in(school.url, old, disconnect=True)
        assert state_of(school) == harmed
        kept = [each for each in databases_like(school) if "_before_" in each]
        for name in kept:
            drop_old(school.url, name)
        kill(school, project, moment, "restore", made.name, "--yes")
        there = state_of(school)
        assert there in (harmed, restored)
        if there == harmed:
            in_time += 1
            # a server process that works on for the dead client is no reason to wait
            ourschool(school, project, "restore", made.name, "--yes", "--disconnect")
            assert state_of(school) == restored
        assert not [each for each in databases_like(school) if "_restor" in each]
        if not moments and not in_time:  # on a machine that others use the first one may have taken longer than these
            moments.append(moment / 2)


@pytest.mark.promise("A6")
def test_backup(school: Database, project: Path, settings: Settings) -> None:
    backup_survives(school, project, settings, 3)


@pytest.mark.promise("A6")
def test_restore(school: Database, project: Path, made: Backup) -> None:
    restore_survives(school, project, made, 3)


@pytest.mark.long
def test_backup_at_length(school: Database, project: Path, settings: Settings) -> None:
    backup_survives(school, project, settings, 60)


@pytest.mark.long
def test_restore_at_length(school: Database, project: Path, made: Backup) -> None:
    restore_survives(school, project, made, 60)


def test_killed_in_the_middle_of_a_restore_in_place(school: Database, project: Path, made: Backup) -> None:
    """One transaction: as before, or where the kill came after its commit restored to the last value."""
    restored = state_of(school)
    harm(school)
    harmed = state_of(school)
    there = []
    for moment in (0.6, 0.9, 1.2, 1.5):
        status = kill(school, project, moment, "restore", made.name, "--in-place", "--yes", "--disconnect")
        assert status in (0, -signal.SIGKILL)
        there.append(state_of(school))
        assert there[-1] in (harmed, restored)
        assert status != 0 or there[-1] == restored, "who is told that it is done finds it done"
        if there[-1] == restored:
            break
    assert there[0] == harmed, "every kill came after the end"
