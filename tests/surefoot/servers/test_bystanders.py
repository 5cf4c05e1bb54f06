"""Nobody beside the migration waits for longer than lock_timeout and a little, whatever the way to the server."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from tests.ourschool.history.schools import BASELINE, HEAD, at
from tests.support.databases import Database
from tests.support.servers import Server
from tests.support.stalls import Stalls
from tests.surefoot.faults.runs import PATIENCE, Client, Run
from tests.surefoot.servers.matrix import KINDS, WORKS, school_on

LOCK_TIMEOUT = 0.2
"""s, as it comes."""
BEYOND = 0.1
"""s: what a short statement may wait for beyond that."""
STATEMENTS = 20
"""So many the migration has in a transaction that holds a lock, each of which the machine may make late."""
HELD = 0.5
"""s: how long the slow reader has a table."""
TABLES = ("users", "terms", "lessons", "student_assignments", "attendance_records")
READ = "select id from {0} order by id desc limit 1"
WRITE = "update {0} set id = id where id = (select max(id) from {0})"
SHORT = frozenset({"pgbouncer, session, ignore_startup_parameters", "pgpool, one server"})
FIRST_FIVE = "e92f60ab7d31"
"""To which the short form upgrades: all five change each of the TABLES."""
ALLOWED = [
    pytest.param(
        name, id=name, marks=[*([kind.needs] if kind.needs else []), *([] if name in SHORT else [pytest.mark.long])]
    )
    for name, kind in KINDS.items()
    if kind.outcome == WORKS and not name.startswith("max_connections")  # where bystanders find none left
]


@contextmanager
def slow_reader(database: Database) -> Iterator[threading.Event]:
    """Somebody who has a table until the event is set, then one after the other for HELD seconds each.

    So the migration has to wait for a lock at least once, however quick it is, and gives way.
    """
    has_it, seen, over = (threading.Event() for _ in range(3))

    def read() -> None:
        with database.connect() as connection:
            connection.execute(READ.format(TABLES[0]).encode())
            has_it.set()
            seen.wait(PATIENCE)
            connection.rollback()
            for table in cycle(TABLES):
                if over.wait(HELD):
                    return
                connection.execute(READ.format(table).encode())
                over.wait(HELD)
                connection.rollback()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert has_it.wait(PATIENCE)
    try:
        yield seen
    finally:
        seen.set()
        over.set()
        thread.join()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ALLOWED)
def test_nobody_waits_for_longer(newest: Server, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "UTF8")  # for the statements of the test; commands do not get it
    with school_on(KINDS[name], newest, tmp_path) as me, ExitStack() as beside:
        direct = Database(me.server, me.server.url.set(database=me.url.database))
        me.alembic("stamp", BASELINE)
        clients = [Client(direct, *(query.format(table) for table in TABLES)) for query in (READ, WRITE)]
        seen = beside.enter_context(slow_reader(direct))
        stalls = beside.enter_context(Stalls(me.dsn, STATEMENTS))
        for client in clients:
            beside.enter_context(client)
        revision = FIRST_FIVE if name in SHORT else HEAD
        run = Run(me, "upgrade", revision)
        run.says("Waiting for a lock")
        seen.set()
        run.process.wait(800)
        said = run.ends(0)
        beside.close()
        assert at(direct) == [revision]
        assert [client.failed for client in clients] == [[] for _ in clients]
        for each in clients:
            print(f"{name}: longest {each.longest:.3f} s of {each.done}; longest stall {stalls.longest:.3f} s")
        for each in clients:
            assert each.longest < LOCK_TIMEOUT + BEYOND + stalls.allowance, said
