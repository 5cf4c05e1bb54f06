"""A network that swallows everything while connections stay open: a command ends, says so, and another one goes on."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ourschool.existing.size import Size
from tests.ourschool.history.schools import HEAD, at, make_existing
from tests.support.databases import Database
from tests.support.servers.proxy import Proxy, proxied
from tests.surefoot.faults.runs import Run, advisory_locks, revision, until
from tests.surefoot.roles.people import role

SHORT = {"OURSCHOOL_ANSWER_TIMEOUT": "3", "OURSCHOOL_IDLE_TIMEOUT": "10000"}
ENDS = 45.0
"""Seconds in which a command with SHORT has ended, on a loaded machine: what it waits for, and connecting anew."""
WORKER, BESIDE = 2, 3
"""The connections of `alembic upgrade`, in their order: before them one asks whether anything is to do, and one which
schema has the tables."""


@contextmanager
def behind_a_proxy(database: Database) -> Iterator[tuple[Database, Proxy]]:
    """The database through a proxy, as a superuser who shows a password."""
    with role(database, "superuser") as me, proxied(database.server.port) as proxy:
        yield replace(me.here, url=me.here.url.set(port=proxy.port)), proxy


def begun(here: Database) -> Run:
    """An upgrade of an existing school, in the middle of its work."""
    run = Run(here, "upgrade", "head", env=SHORT)
    run.says("Running upgrade 4ad87c1e95b0")
    return run


def let_go(database: Database) -> None:
    """Wait until the server has ended by itself what it holds for nobody: the proxy keeps its connections open."""
    until(lambda: not advisory_locks(database), "no locks of a client that says nothing any more")


@pytest.mark.parametrize("which", [None, WORKER])
def test_what_gets_no_answer_ends_and_is_gone_on_with(scratch: Database, which: int | None) -> None:
    make_existing(scratch, Size.of(student_assignments=20_000, attendance_records=100, conflicts=False))
    with behind_a_proxy(scratch) as (here, proxy):
        run = begun(here)
        proxy.swallow(which=which)
        silent = time.monotonic()
        said = run.ends(None)
        assert time.monotonic() - silent < ENDS
        assert "no answer" in said.lower(), said
        assert "Traceback" not in said, said[-9000:]
        assert "Next: " in said
        let_go(scratch)
    assert at(scratch) != [HEAD]
    scratch.alembic("upgrade", "head")
    assert at(scratch) == [HEAD]


def test_a_watcher_that_gets_no_answer_costs_nothing(scratch: Database) -> None:
    make_existing(scratch, Size.of(student_assignments=20_000, attendance_records=100, conflicts=False))
    with behind_a_proxy(scratch) as (here, proxy):
        run = begun(here)
        proxy.swallow(which=BESIDE)
        run.ends(0)
        let_go(scratch)
    assert at(scratch) == [HEAD]
    assert "Nothing to do" in scratch.alembic("upgrade", "head").stderr


@pytest.mark.parametrize("silent", [True, False])
def test_ctrl_c_ends_it_within_seconds(scratch: Database, project: Path, *, silent: bool) -> None:
    scratch.alembic("upgrade", "head")
    revision(project, "beefbeefbeef", HEAD, 'op.execute("select pg_sleep(600)")')
    with behind_a_proxy(scratch) as (here, proxy):
        run = Run(here, "upgrade", "head", cwd=project)
        run.says(f"Running upgrade {HEAD}")
        time.sleep(1)  # it says so before it begins
        if silent:
            proxy.swallow()
        pressed = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        said = run.ends(None)
        assert time.monotonic() - pressed < 20  # five seconds on a machine that does nothing else
        assert "Traceback" not in said
    assert at(scratch) == [HEAD]
