"""Nobody beside the migration waits for longer than lock_timeout and a little, whatever the way to the server."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.ourschool.history.schools import BASELINE, HEAD, at
from tests.support.databases import Database
from tests.support.servers import Server
from tests.support.stalls import Stalls
from tests.surefoot.faults.runs import Client, Run
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
    if kind.outcome == WORKS
]


@contextmanager
def slow_reader(database: Database) -> Iterator[None]:
    """Somebody who has a table for HELD seconds, again and again, so that the migration has to wait for its lock.

    It is one table: a revision that locks several, and finds each in use, waits so long for each.
    """
    over = threading.Event()

    def read() -> None:
        with database.connect() as connection:
            while not over.is_set():
                connection.execute(READ.format(TABLES[0]).encode())
                over.wait(HELD)
                connection.rollback()
                over.wait(HELD)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ALLOWED)
def test_nobody_waits_for_longer(newest: Server, tmp_path: Path, name: str) -> None:
    with school_on(KINDS[name], newest, tmp_path) as me, ExitStack() as beside:
        direct = Database(me.server, me.server.url.set(database=me.url.database))
        me.alembic("stamp", BASELINE)
        clients = [Client(direct, *(query.format(table) for table in TABLES)) for query in (READ, WRITE)]
        beside.enter_context(slow_reader(direct))
        stalls = beside.enter_context(Stalls(me.dsn, STATEMENTS))
        for client in clients:
            beside.enter_context(client)
        revision = FIRST_FIVE if name in SHORT else HEAD
        run = Run(me, "upgrade", revision)
        run.process.wait(800)
        said = run.ends(0)
        beside.close()
        assert at(direct) == [revision]
        assert [client.failed for client in clients] == [[] for _ in clients]
        for each in clients:
            seen = f"{each.longest:.3f} s of {each.done}, at {each.when}; longest stall {stalls.longest:.3f} s"
            print(f"{name}: longest {seen}")
        assert "Gave way" in said, "nobody was ever in the way"
        for each in clients:
            assert each.longest < LOCK_TIMEOUT + BEYOND + stalls.allowance, said
