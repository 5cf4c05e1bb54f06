"""Records every lock that a revision holds from inside its own transactions, so that none is too short to be seen.

After each statement the migrating connection itself queries the locks that it holds; a transaction holds its locks
until its end. A statement that runs in autocommit, as those of online operations do, gets a transaction around it for
that, and a DO block that commits records its locks itself. Only statements that PostgreSQL allows in no transaction,
such as CREATE INDEX CONCURRENTLY, are sampled from a second connection.
"""

import re
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.database import driver_of
from surefoot.operate.rehearse import committing_blocks
from surefoot.operate.rehearse.measurements import RelationStats
from surefoot.operate.rehearse.rehearsal_result import HeldLock

LOCKS = """
    select relation::bigint, mode
      from pg_catalog.pg_locks
     where pid = %s
       and locktype = 'relation'
       and granted
"""
SAMPLE_MS = 10
"""Milliseconds between two samples, and before the first, so that a shorter statement is not disturbed."""
BEGIN = re.compile(r"\s*(begin|start\s+transaction)\b", re.IGNORECASE)
END = re.compile(r"\s*(commit|end|rollback|abort)\b(?!.*\bto\b)", re.IGNORECASE)
WITHOUT_LOCKS = re.compile(r"\s*(begin|start|set|reset|show|savepoint|release|rollback\s+to)\b", re.IGNORECASE)
"""Statements that take no locks on relations. SET TRANSACTION must come before the first query of its transaction."""
OUTSIDE_TRANSACTION = re.compile(
    r".*\bconcurrently\b|\s*(vacuum|cluster|reindex|call|prepare|discard|alter\s+(system|database)|"
    r"(create|drop)\s+(database|tablespace|subscription))\b",
    re.IGNORECASE | re.DOTALL,
)
Key = tuple[int, str]


@dataclass(frozen=True)
class _Held:
    """For how many seconds a lock was held at most, since when by the monitor's clock, and how often."""

    seconds: float
    since: float
    times: int = 1
    sampled: bool = False


class LockMonitor:
    """Records the locks of the migrating connection, and for how long they are held, since `begin`.

    Its `overhead`, in seconds, is the time that recording takes; it is not counted as time of the revision.
    """

    def __init__(self, connection: Connection, sampler: psycopg.Connection) -> None:
        self._sampler = sampler
        self._known: Mapping[int, RelationStats] = {}
        self.overhead = 0.0
        self._taken_at: dict[Key, float] = {}
        self._locks: dict[tuple[str, str], HeldLock] = {}
        self._began = self._statement_started = 0.0
        self._own_transaction = False
        self._sampler_run: _Sampler | None = None
        self._in_block = False
        sa.event.listen(connection.engine, "before_cursor_execute", self._before, retval=True)
        for name, listener in self._listeners().items():
            sa.event.listen(connection.engine, name, listener)

    def begin(self, known: Mapping[int, RelationStats]) -> None:
        """Start recording locks on the relations of `known`, by OID.

        Relations that the revision creates are ignored.
        """
        self._known, self._locks, self._taken_at, self.overhead = known, {}, {}, 0.0
        self.step_begins()

    def step_begins(self) -> None:
        """Count from now when in its revision a lock is taken: what Alembic prepares before is no part of it."""
        self._began = self._clock()

    def locks(self, changed: Container[str]) -> tuple[HeldLock, ...]:
        """Return the locks by table, strongest mode first; modes that block nobody only if no stronger one was held.

        `changed` are the tables in which rows were updated or deleted.
        """
        marked = (replace(each, changes=each.table in changed) for each in self._locks.values())
        locks = sorted(marked, key=lambda each: (each.table, -each.strength))
        strongest = {each.table: max(e.strength for e in locks if e.table == each.table) for each in locks}
        return tuple(each for each in locks if each.stalls or each.strength == strongest[each.table])

    def _listeners(self) -> dict[str, Callable[..., None]]:
        return {
            "after_cursor_execute": self._after,
            "commit": lambda _: self._end_transaction(),
            "rollback": lambda _: self._end_transaction(),
            "handle_error": self._failed,
        }

    def _clock(self) -> float:
        return time.perf_counter() - self.overhead

    def _before(
        self, connection: Connection, _cursor: object, text: str, parameters: Any, *_: object
    ) -> tuple[str, Any]:
        driver = driver_of(connection)
        if driver.info.transaction_status == psycopg.pq.TransactionStatus.IDLE and driver.autocommit:
            if committing_blocks.COMMITTING_BLOCK.match(text):
                text, self._in_block = committing_blocks.recording_locks(text), True
            elif OUTSIDE_TRANSACTION.match(text):
                self._sampler_run = _Sampler(self._sampler, driver.info.backend_pid)
            elif not BEGIN.match(text):
                with self._counting_overhead():
                    driver.execute("begin")
                self._own_transaction = True
        self._statement_started = self._clock()
        return text, parameters

    def _after(self, connection: Connection, _cursor: object, text: str, *_: object) -> None:
        driver = driver_of(connection)
        if self._sampler_run is not None:
            self._end_sampling()
        elif self._in_block:
            self._take_recorded(driver)
        elif driver.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
            if not WITHOUT_LOCKS.match(text):
                with self._counting_overhead():
                    for row in driver.execute(LOCKS, [driver.info.backend_pid]).fetchall():
                        self._taken_at.setdefault((row[0], row[1]), self._statement_started)
            if self._own_transaction:
                driver.execute("commit")
                self._end_transaction()
        elif END.match(text):
            self._end_transaction()

    def _failed(self, context: Any) -> None:
        """End a transaction that the monitor began. For one of the revision's own, the event `rollback` follows."""
        if self._sampler_run is not None:
            self._end_sampling()
        self._in_block = False
        if self._own_transaction and context.connection is not None:
            driver = driver_of(context.connection)
            if not driver.closed:
                driver.execute("rollback")
            self._end_transaction()

    def _end_transaction(self) -> None:
        """The transaction has ended: its locks were held until now."""
        now = self._clock()
        for (relation, mode), since in self._taken_at.items():
            self._add(relation, mode, _Held(now - since, since))
        self._taken_at, self._own_transaction = {}, False

    def _end_sampling(self) -> None:
        assert self._sampler_run is not None
        with self._counting_overhead():
            locks = self._sampler_run.stop()
        for (relation, mode), seconds in locks.items():
            # DROP INDEX CONCURRENTLY locks the index only when no query can use it any more
            if relation in self._known and not self._known[relation].index:
                self._add(relation, mode, _Held(seconds, self._statement_started, sampled=True))
        self._sampler_run = None

    def _take_recorded(self, driver: psycopg.Connection) -> None:
        with self._counting_overhead():
            locks, overhead = committing_blocks.take_recorded(driver)
        self.overhead += overhead
        for each in locks:
            self._add(each.relation, each.mode, _Held(each.seconds, self._statement_started, each.times))
        self._in_block = False

    def _add(self, relation: int, mode: str, held: _Held) -> None:
        known = self._known.get(relation)
        if known is None:
            return
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()
        before = self._locks.get((known.table, words))
        at, longest, times, sampled = held.since - self._began, held.seconds, held.times, held.sampled
        if before is not None:
            times, sampled = times + before.times, sampled or before.sampled
            if before.seconds >= longest:
                at, longest = before.at, before.seconds
        self._locks[known.table, words] = HeldLock(known.table, words, longest, times, sampled, at=at)

    @contextmanager
    def _counting_overhead(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.overhead += time.perf_counter() - started


class _Sampler:
    """A thread that samples the locks of the server process `pid`."""

    def __init__(self, connection: psycopg.Connection, pid: int) -> None:
        self._connection, self._pid = connection, pid
        self._sightings: dict[Key, tuple[float, float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="surefoot-locks", daemon=True)
        self._thread.start()

    def stop(self) -> dict[Key, float]:
        """Return the seconds between the first and the last sample that had the lock."""
        self._stop.set()
        self._thread.join()
        return {key: last - first + SAMPLE_MS / 1000 for key, (first, last) in self._sightings.items()}

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_MS / 1000):
            try:
                rows = self._connection.execute(LOCKS, [self._pid]).fetchall()
            except psycopg.Error:
                return
            now = time.perf_counter()
            for row in rows:
                key = (row[0], row[1])
                self._sightings[key] = (self._sightings.get(key, (now, now))[0], now)
