"""Cut off at any point while others write, run again: equal catalogues, every row right, and the way back as well."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.support.databases import Database
from tests.surefoot.online.clients import Clients
from tests.surefoot.online.harness import (
    LOCK_TIMEOUT,
    MARKS,
    Cut,
    assert_equal,
    catalogue,
    cut_off,
    empty,
    end_backend,
    kill_client,
    moments,
    timed,
    upgrade_beside,
    wait_until,
    working,
    write,
)
from tests.surefoot.online.runner import Runner


@dataclass(frozen=True)
class Change:
    """An operation and its counterpart, as a revision says them."""

    up: str
    down: str


CHANGES = {
    "index": Change(
        'op.create_index_online("ix", "marks", ["points", "subject"])', 'op.drop_index_online("ix", "marks")'
    ),
    "unique index": Change(
        'op.create_index_online("ix", "marks", [sa.text("lower(subject)"), "id"], unique=True)',
        'op.drop_index_online("ix")',
    ),
    "check": Change(
        'op.add_check_online("checked", "marks", "points >= 0")', 'op.drop_constraint_online("checked", "marks")'
    ),
    "foreign key": Change(
        'op.add_foreign_key_online("fk", "marks", "pupils", ["pupil_id"], ["id"], ondelete="CASCADE")',
        'op.drop_constraint_online("fk", "marks")',
    ),
    "unique": Change(
        'op.add_unique_online("marks_key", "marks", ["subject", "id"])',
        'op.drop_constraint_online("marks_key", "marks")',
    ),
    "not null": Change('op.set_not_null_online("marks", "points")', 'op.drop_not_null_online("marks", "points")'),
    "backfill": Change(
        'op.add_column("marks", sa.Column("seen", sa.Boolean()), if_not_exists=True); '
        'op.alter_column("marks", "seen", server_default=sa.true()); '
        'op.backfill("marks", {"seen": "true"}, "seen is null"); '
        'op.set_not_null_online("marks", "seen")',
        'op.drop_column("marks", "seen", if_exists=True)',
    ),
}
VALUES = {
    "pupil_id": lambda chance: chance.randint(1, 10),
    "points": lambda chance: chance.randint(0, 100),
    "subject": lambda chance: f"Subject {chance.randint(1, 1000)}",
}  # fmt: skip
MOST = 1000
"""More statements than any of the changes has."""
EVERY = 5
"""The short form is killed before each statement of that number, the long one before each."""
QUICK = ("index", "check", "foreign key", "unique", "not null")
EACH = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


@contextmanager
def writing(database: Database, *, pause: float = 0.002) -> Iterator[Clients]:
    """Eight clients at it; afterwards nothing of theirs failed, and what they wrote is what is there."""
    with Clients(database, "marks", VALUES, pause=pause) as clients:
        yield clients
    assert not clients.failures
    assert not clients.lost()


def chain(project: Path, change: Change, rows: int = 0) -> Path:
    """Revision one makes the tables with so many rows more, revision two is `change`."""
    more = f"insert into marks (pupil_id, subject, points) select n % 10 + 1, 'S', n from generate_series(1, {rows}) n"
    made = "\n".join(f"op.execute({statement!r})" for statement in (*MARKS, more))
    write(empty(project), "one", None, made, "op.drop_table('marks')\nop.drop_table('pupils')")
    write(project, "two", "one", change.up, change.down)
    return project


@pytest.mark.parametrize("change", [CHANGES[name] for name in QUICK], ids=QUICK)
def test_killed_before_some_statements(scratch: Database, project: Path, change: Change) -> None:
    first = 1 + list(CHANGES.values()).index(change) % EVERY
    _killed_before_statements(scratch, chain(project, change), range(first, MOST, EVERY))


@pytest.mark.long
@pytest.mark.parametrize("change", [CHANGES[name] for name in QUICK], ids=QUICK)
def test_killed_before_each_statement(scratch: Database, project: Path, change: Change) -> None:
    _killed_before_statements(scratch, chain(project, change), range(1, MOST))


@pytest.mark.every_server
def test_killed_before_some_statements_on_the_way_through_a_check(database: Database, project: Path) -> None:
    if database.server.major == 16:  # native since 18; 15 is as 16
        _killed_before_statements(database, chain(project, CHANGES["not null"]), range(2, MOST, EVERY))


def _killed_before_statements(database: Database, project: Path, places: range) -> None:
    with Runner(database, project) as runner:
        runner.alembic("upgrade", "one", status=0)
        before = catalogue(database)
        runner.alembic("upgrade", "two", status=0)
        after = catalogue(database)
        with writing(database, pause=0.01):
            for at in places:
                killed = False
                for command, target, expected in (("downgrade", "one", before), ("upgrade", "two", after)):
                    if runner.alembic(command, target, kill_at=at).killed:
                        killed = True
                        runner.alembic(command, target, status=0)
                    assert_equal(expected, catalogue(database))
                if not killed:  # both ways have fewer statements
                    break
        assert 8 < at < MOST - 3


@pytest.mark.parametrize("cut", [kill_client, end_backend])
@pytest.mark.parametrize("name", ["index", "unique"])
def test_cut_off_in_the_middle_of_a_build(scratch: Database, project: Path, name: str, cut: Cut) -> None:
    """An old transaction keeps the build from ending: cut off there, an INVALID index or a working server is left."""
    chain(project, CHANGES[name])
    scratch.alembic("upgrade", "two", cwd=project)
    after = catalogue(scratch)
    scratch.alembic("downgrade", "one", cwd=project)
    with scratch.connect() as old, writing(scratch):
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        old.execute("select from pupils")
        process = scratch.start("upgrade", "two", cwd=project)
        wait_until(scratch, "select from pg_stat_progress_create_index where phase like 'waiting for old%'")
        with scratch.connect(autocommit=True) as connection:
            cut(connection, process)
        process.communicate()
        assert process.returncode == (-9 if cut is kill_client else 4)
        again = scratch.start("upgrade", "two", cwd=project)
        time.sleep(1)
        assert again.poll() is None
        old.rollback()
        output, _ = again.communicate()
        assert again.returncode == 0, output
    assert_equal(after, catalogue(scratch))


@EACH
def test_a_long_reader_stops_nobody(scratch: Database, project: Path, change: Change) -> None:
    """Somebody reads the table in one transaction: users wait no longer than one lock timeout, and nothing fails."""
    chain(project, change)
    scratch.alembic("upgrade", "one", cwd=project)
    with scratch.connect() as reader, writing(scratch) as clients:
        reader.execute("select from marks")
        upgrade_beside(scratch, project, reader)
    assert clients.statements > 100
    assert clients.longest < LOCK_TIMEOUT + 0.5 + clients.stalls.allowance  # the benchmark asks for 0.1


@pytest.mark.long
@EACH
@pytest.mark.parametrize(("cut", "times"), [(kill_client, 30), (end_backend, 10)])
def test_cut_off_at_random_moments(database: Database, project: Path, change: Change, cut: Cut, times: int) -> None:
    if database.server.major == 15:
        pytest.skip("the long form runs on 18 and 16")
    chain(project, change, 200_000)
    database.alembic("upgrade", "one", cwd=project)
    before = catalogue(database)
    took = {"upgrade": timed(database, project, "upgrade", "two")}
    after = catalogue(database)
    took["downgrade"] = timed(database, project, "downgrade", "one")
    hit = 0
    with writing(database) as clients:
        # one that was too late found nothing to cut off, and does not count
        for nth, part in enumerate(moments(20 * times, 1)):
            direction, target, expected = ("downgrade", "one", before) if nth % 2 else ("upgrade", "two", after)
            hit += cut_off(database, project, direction, target, after=part * took[direction], cut=cut) != 0
            database.alembic(direction, target, cwd=project)
            assert_equal(expected, catalogue(database))
            assert not working(database)
            if hit >= times:
                break
        database.alembic("upgrade", "two", cwd=project)
        assert_equal(after, catalogue(database))
    print(f"{hit} cut off; {clients.statements} statements of clients, longest {clients.longest:.3f} s")
    assert hit >= times
