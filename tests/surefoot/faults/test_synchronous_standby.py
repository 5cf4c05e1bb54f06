"""A synchronous standby that does not answer: each commit waits for it, the command says so, and Ctrl-C ends it."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ourschool.history.schools import HEAD, at, journal
from tests.support.databases import Database, fresh
from tests.support.servers import running
from tests.surefoot.faults.runs import Run, advisory_locks, revision

NOBODY = "alter system set synchronous_standby_names = 'nobody_there'"


@pytest.fixture
def alone() -> Iterator[Database]:
    """A database at head on a server that waits for a standby which is not there; commits of our own do not."""
    with running(18) as server, fresh(server) as made:
        made.alembic("upgrade", "head")
        made.execute(NOBODY, "select pg_reload_conf()")
        yield made
        made.execute("alter system reset synchronous_standby_names", "select pg_reload_conf()")


def test_it_is_said_and_ctrl_c_tells_what_was_committed(alone: Database, project: Path) -> None:
    revision(project, "late", HEAD, 'op.execute("create table late (id integer primary key)")')
    run = Run(alone, "upgrade", "head", cwd=project)
    run.says("A commit waits for a synchronous standby (nobody_there), and none confirms it")
    assert "alter system set synchronous_standby_names = ''" in run.said
    pressed = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    said = run.ends(4)
    assert time.monotonic() - pressed < 20
    assert "Traceback" not in said
    assert at(alone) == ["late"], said
    assert "Interrupted when its last statement was done already." in said
    assert journal(alone, "failed") == []
    assert advisory_locks(alone) == []
    assert "Nothing to do" in alone.alembic("upgrade", "head", cwd=project).stderr
