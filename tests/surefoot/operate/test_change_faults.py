"""`ourschool upgrade` that is killed, loses its server or has no room: each leaves the state that its message says."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ourschool.history.schools import BASELINE, HEAD, at, catalogue, counted, make_existing
from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.faults.runs import Run, holding, until, worker

BUSY = "lock table users in access share mode"
"""Whoever holds this keeps the first revision from its lock."""
CLOSED = "lock table users in access exclusive mode"
"""And this keeps pg_dump from reading."""


@pytest.fixture
def school(scratch: Database) -> Database:
    make_existing(scratch)
    return scratch


def begun(school: Database, folder: Path) -> Run:
    return Run(school, "upgrade", "--yes", program="ourschool", env={"OURSCHOOL_BACKUPS": str(folder)})


def again(school: Database, folder: Path) -> None:
    """The same command, and all is well."""
    done = ourschool(school, "upgrade", "--yes", env={"OURSCHOOL_BACKUPS": str(folder)})
    assert f"Done: at {HEAD} in " in done.stdout
    assert at(school) == [HEAD]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.promise("E8")
def test_killed_while_it_backs_up(school: Database, tmp_path: Path) -> None:
    before = catalogue(school), counted(school)
    with holding(school, CLOSED) as other:
        run = begun(school, tmp_path)
        until(lambda: school.rows("select from pg_stat_activity where wait_event_type = 'Lock'"), "somebody waits")
        assert run.kill() == -9
        other.rollback()
    assert (at(school), catalogue(school), counted(school)) == ([BASELINE], *before)
    assert [name for name in names(tmp_path) if not name.endswith(".partial")] == [], "half a backup is none"
    again(school, tmp_path)


@pytest.mark.promise("E8", "A6")
def test_killed_while_it_applies(school: Database, tmp_path: Path) -> None:
    before = catalogue(school), counted(school)
    with holding(school, BUSY) as other:
        run = begun(school, tmp_path)
        run.says("Waiting for a lock: a table is in use by pid")
        assert run.kill() == -9
        other.rollback()
    until(lambda: worker(school) is None, "its server process has gone")
    assert (at(school), catalogue(school), counted(school)) == ([BASELINE], *before)
    (name,) = names(tmp_path)
    ourschool(school, "backup", "verify", name, env={"OURSCHOOL_BACKUPS": str(tmp_path)})
    again(school, tmp_path)


@pytest.mark.promise("E8", "O11")
def test_disconnected_while_it_applies(school: Database, tmp_path: Path) -> None:
    before = catalogue(school), counted(school)
    with holding(school, BUSY) as other:
        run = begun(school, tmp_path)
        run.says("Waiting for a lock: a table is in use by pid")
        pid = until(lambda: worker(school), "it works")
        school.execute(f"select pg_terminate_backend({pid})")
        said = run.ends(4)
        other.rollback()
    assert len(names(tmp_path)) == 1
    assert f"database is at revision {BASELINE} (" in said
    assert "ourschool restore" not in said, "nothing was changed"
    assert "failed. The server ended the connection to " in said
    assert "Correct the revision" not in said
    assert (at(school), catalogue(school), counted(school)) == ([BASELINE], *before)
    again(school, tmp_path)


@contextmanager
def no_room() -> Iterator[None]:
    """A limit on the size of files stands for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.promise("E8")
def test_no_room_for_its_backup(school: Database, tmp_path: Path) -> None:
    before = catalogue(school), counted(school)
    with no_room():
        done = ourschool(school, "upgrade", "--yes", env={"OURSCHOOL_BACKUPS": str(tmp_path)}, status=4)
    assert "The disk is full or a limit is reached: make room there and run the same command again." in done.stderr
    assert "nothing was changed" in done.stderr.lower()
    assert (at(school), catalogue(school), counted(school), names(tmp_path)) == ([BASELINE], *before, [])
    again(school, tmp_path)
