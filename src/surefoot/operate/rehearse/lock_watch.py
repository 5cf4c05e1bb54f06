"""Every lock that a revision holds, seen from inside its own transactions, so that none is too short to be seen.

After each statement the migrating connection itself is asked what it holds, and a transaction's locks last to its end.
A statement that runs by itself, as those of online operations do, gets a transaction around it for that, and a block
that commits looks for itself. Only what PostgreSQL allows in no transaction, such as CREATE INDEX CONCURRENTLY, is
sampled from a second connection.
"""

import re
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.operate.rehearse import committing_blocks
from surefoot.operate.rehearse.measurements import Relation
from surefoot.operate.rehearse.rehearsal_result import HeldLock

HELD = """
    select relation::bigint, mode
      from pg_catalog.pg_locks
     where pid = %s
       and locktype = 'relation'
       and granted
"""
RESOLUTION = 0.01
"""Seconds between two samples, and before the first: a shorter statement is not disturbed by being looked at."""
BEGINS = re.compile(r"\s*(begin|start\s+transaction)\b", re.IGNORECASE)
ENDS = re.compile(r"\s*(commit|end|rollback|abort)\b(?!.*\bto\b)", re.IGNORECASE)
TAKES_NONE = re.compile(r"\s*(begin|start|set|reset|show|savepoint|release|rollback\s+to)\b", re.IGNORECASE)
"""After these there is nothing to see, and `set transaction` must stand before the first question."""
BY_ITSELF = re.compile(
    r".*\bconcurrently\b|\s*(vacuum|cluster|reindex|call|prepare|discard|alter\s+(system|database)|"
    r"(create|drop)\s+(database|tablespace|subscription))\b",
    re.IGNORECASE | re.DOTALL,
)
Key = tuple[int, str]


class LockMonitor:
    """What the connection that migrates holds, and for how long, since `begin`.

    Its `clock` stands still while it looks: the time that looking takes is none of the revision's.
    """

    def __init__(self, connection: Connection, sampler: psycopg.Connection) -> None:
        self._sampler = sampler
        self._known: Mapping[int, Relation] = {}
        self.looked = 0.0
        self._since: dict[Key, float] = {}
        self._held: dict[tuple[str, str], HeldLock] = {}
        self._statement = 0.0
        self._ours = False
        self._sampling: _Sampling | None = None
        self._block = False
        sa.event.listen(connection.engine, "before_cursor_execute", self._before, retval=True)
        for name, listener in self._listeners().items():
            sa.event.listen(connection.engine, name, listener)

    def begin(self, known: Mapping[int, Relation]) -> None:
        """From now on record locks on the relations of `known`; what a revision makes itself is nobody's yet."""
        self._known, self._held, self._since, self.looked = known, {}, {}, 0.0

    def held(self, changed: Container[str]) -> tuple[HeldLock, ...]:
        """By table, the strongest mode first; modes that stop nobody only where they are a table's strongest.

        `changed` are tables of which rows were updated or deleted.
        """
        marked = (replace(each, changes=each.table in changed) for each in self._held.values())
        found = sorted(marked, key=lambda each: (each.table, -each.strength))
        strongest = {each.table: max(e.strength for e in found if e.table == each.table) for each in found}
        return tuple(each for each in found if each.stalls or each.strength == strongest[each.table])

    def _listeners(self) -> dict[str, Callable[..., None]]:
        return {
            "after_cursor_execute": self._after,
            "commit": lambda _: self._close(),
            "rollback": lambda _: self._close(),
            "handle_error": self._failed,
        }

    def _clock(self) -> float:
        return time.perf_counter() - self.looked

    def _before(
        self, connection: Connection, _cursor: object, text: str, parameters: Any, *_: object
    ) -> tuple[str, Any]:
        driver = _driver(connection)
        if driver.info.transaction_status == psycopg.pq.TransactionStatus.IDLE and driver.autocommit:
            if committing_blocks.COMMITS.match(text):
                text, self._block = committing_blocks.noting(text), True
            elif BY_ITSELF.match(text):
                self._sampling = _Sampling(self._sampler, driver.info.backend_pid)
            elif not BEGINS.match(text):
                with self._looking():
                    driver.execute("begin")
                self._ours = True
        self._statement = self._clock()
        return text, parameters

    def _after(self, connection: Connection, _cursor: object, text: str, *_: object) -> None:
        driver = _driver(connection)
        if self._sampling is not None:
            self._sampled()
        elif self._block:
            self._noted(driver)
        elif driver.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
            if not TAKES_NONE.match(text):
                with self._looking():
                    for row in driver.execute(HELD, [driver.info.backend_pid]).fetchall():
                        self._since.setdefault((row[0], row[1]), self._statement)
            if self._ours:
                driver.execute("commit")
                self._close()
        elif ENDS.match(text):
            self._close()

    def _failed(self, context: Any) -> None:
        """A transaction that we opened ends here; of one that was the revision's own it is told by `rollback`."""
        if self._sampling is not None:
            self._sampled()
        self._block = False
        if self._ours and context.connection is not None:
            driver = _driver(context.connection)
            if not driver.closed:
                driver.execute("rollback")
            self._close()

    def _close(self) -> None:
        """The transaction is over: what it held was held until now."""
        now = self._clock()
        for (relation, mode), since in self._since.items():
            self._add(relation, mode, now - since)
        self._since, self._ours = {}, False

    def _sampled(self) -> None:
        assert self._sampling is not None
        with self._looking():
            found = self._sampling.over()
        for (relation, mode), seconds in found.items():
            # an index that is dropped concurrently is locked when no query can plan with it any more
            if relation in self._known and not self._known[relation].index:
                self._add(relation, mode, seconds, sampled=True)
        self._sampling = None

    def _noted(self, driver: psycopg.Connection) -> None:
        with self._looking():
            found, took = committing_blocks.seen(driver)
        self.looked += took
        for each in found:
            self._add(each.relation, each.mode, each.seconds, times=each.times)
        self._block = False

    def _add(self, relation: int, mode: str, seconds: float, *, times: int = 1, sampled: bool = False) -> None:
        known = self._known.get(relation)
        if known is None:
            return
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()
        before = self._held.get((known.table, words))
        longest = max(seconds, before.seconds if before else 0)
        times += before.times if before else 0
        self._held[known.table, words] = HeldLock(
            known.table, words, longest, times, sampled or bool(before and before.sampled)
        )

    @contextmanager
    def _looking(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.looked += time.perf_counter() - started


class _Sampling:
    """What server process `pid` holds, looked at again and again by a thread."""

    def __init__(self, connection: psycopg.Connection, pid: int) -> None:
        self._connection, self._pid = connection, pid
        self._seen: dict[Key, tuple[float, float]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="surefoot-locks", daemon=True)
        self._thread.start()

    def over(self) -> dict[Key, float]:
        """Seconds from the first to the last sight of each."""
        self._over.set()
        self._thread.join()
        return {key: last - first + RESOLUTION for key, (first, last) in self._seen.items()}

    def _run(self) -> None:
        while not self._over.wait(RESOLUTION):
            try:
                rows = self._connection.execute(HELD, [self._pid]).fetchall()
            except psycopg.Error:
                return
            now = time.perf_counter()
            for row in rows:
                key = (row[0], row[1])
                self._seen[key] = (self._seen.get(key, (now, now))[0], now)


def _driver(connection: Connection) -> psycopg.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver
