"""kill -9 in the middle of an upgrade: the same command again, and it is as if nothing had been."""

import random
import time
from collections.abc import Iterator

import pytest

from surefoot.runtime.migrator_lock import SPACE, WORKER
from tests.ourschool.existing.rows import Size, checksums
from tests.ourschool.history.schools import (
    BASELINE,
    CHAIN,
    HEAD,
    at,
    catalogue,
    counted,
    journal,
    make_existing,
    upgrade,
)
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.faults.runs import Run, advisory_locks, building, holding, invalid, until

SOME_THOUSAND = Size.of(student_assignments=6000, attendance_records=6000, conflicts=False)
REPEATABLE = ("attendance_records", "student_assignments", "journal_entries")
"""Tables in which an upgrade fills in nothing, or only what the row says: the same after every run."""


def contents(database: Database) -> dict[str, str]:
    with database.connect() as connection:
        sums = checksums(connection)
    return {table: sums[table] for table in REPEATABLE}


@pytest.fixture
def school(newest: Server) -> Iterator[Database]:
    """An existing database under Alembic, to be cloned: each kill wants one of its own."""
    with fresh(newest) as made:
        make_existing(made, SOME_THOUSAND)
        # who has no time of their own would get that of the run
        made.execute("update users set created_at = '2020-01-01', updated_at = '2020-01-01'")
        yield made


def measured(database: Database) -> tuple[float, float]:
    """How long a run takes until it begins to work, and from there to its end."""
    started = time.monotonic()
    run = Run(database, "upgrade", "head")
    run.says("Running upgrade")
    working = time.monotonic()
    run.ends(0)
    return working - started, time.monotonic() - working


def killed_at(database: Database, within: str | None, pause: float) -> int:
    """Start an upgrade, kill it `pause` seconds after it said that it runs revision `within` (None: after its start).

    The moment follows the run and not a clock: on a busy machine it is as much within as on a quiet one.
    """
    run = Run(database, "upgrade", "head")
    if within is not None:
        run.says(f"-> {within}")
    time.sleep(pause)
    return run.kill()


def survives(school: Database, kills: int, seed: int) -> None:
    """Kill at moments spread over the run, one clone each, and compare with a run that nobody killed."""
    chance = random.Random(seed)
    with fresh(school.server, template=school.url.database or "") as unharmed:
        start, work = measured(unharmed)
        head, rows, written = catalogue(unharmed), counted(unharmed), contents(unharmed)
    revisions = CHAIN[1:]
    spread = [int((nth + chance.random()) / (kills - 1) * len(revisions)) for nth in range(kills - 1)]
    moments: list[tuple[str | None, float]] = [(None, start * chance.random())]
    moments += [(revisions[place], chance.random() * work / len(revisions)) for place in spread]
    died = 0
    for within, pause in moments:
        with fresh(school.server, template=school.url.database or "") as database:
            died += killed_at(database, within, pause) == -9
            database.alembic("upgrade", "head")
            where = f"killed {pause:.3f} s after it began with {within}"
            assert at(database) == [HEAD], where
            assert catalogue(database) == head, where
            assert counted(database) == rows, where
            assert contents(database) == written, where
            done = [("stamp", BASELINE)] + [("upgrade", revision) for revision in CHAIN[1:]]
            assert journal(database) == done, where
            until(lambda: advisory_locks(database) == [], "no lock is left", 20)
    assert died >= kills * 3 // 4, "most of the kills came after the end"


def test_four_kills(school: Database) -> None:
    survives(school, kills=4, seed=4)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_twenty_kills(school: Database, seed: int) -> None:
    survives(school, kills=20, seed=seed)


def test_inside_a_concurrent_index_build(database: Database) -> None:
    """The client dies, its server process waits inside the build; the next run waits for that, then builds anew."""
    make_existing(database)
    upgrade(database, "e92f60ab7d31")
    with holding(database, "lock table student_assignments in row exclusive mode") as other:
        first = Run(database, "upgrade", "head")
        pid = first.reaches(lambda: building(database), "an index build")
        second = Run(database, "upgrade", "head")
        second.says("Waiting: another migration of this database runs")
        assert first.kill() == -9
        until(lambda: not database.rows(f"select from pg_stat_activity where pid = {pid}"), "the server noticed", 20)
        second.says("Waiting for a lock: a table is in use by pid")
        assert "Running upgrade" in second.said
        other.rollback()
        second.ends(0)
    assert (at(database), invalid(database), advisory_locks(database)) == ([HEAD], [], [])
    assert journal(database)[-1] == ("upgrade", HEAD)
    with fresh(database.server) as empty:
        empty.alembic("upgrade", "head")
        assert catalogue(database) == catalogue(empty)


def test_a_server_process_that_works_on_is_waited_for(scratch: Database) -> None:
    """As long as the process that worked for a dead client lives, nobody else begins."""
    make_existing(scratch)
    with holding(scratch, f"select pg_advisory_lock({SPACE}, {WORKER})", name="ourschool migrate") as left:
        run = Run(scratch, "upgrade", "head")
        run.says("Waiting: the server still works for a migration whose client has gone: pid ")
        assert (
            f"pid {left.info.backend_pid} (application ourschool migrate, role postgres, idle in transaction"
            in run.said
        )
        assert at(scratch) == [BASELINE]
        left.execute(f"select pg_advisory_unlock({SPACE}, {WORKER})".encode())
        run.ends(0)
    assert at(scratch) == [HEAD]
