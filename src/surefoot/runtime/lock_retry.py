"""Retries a revision on lock timeout, so that no other session queues behind a statement that waits for a lock.

The log names the sessions that blocked it.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

log = logging.getLogger("surefoot")

LOCK_FAILURES = frozenset({"55P03", "40P01"})
"""SQLSTATEs lock_not_available (raised by lock_timeout) and deadlock_detected. The transaction can be retried."""

BLOCKERS = sa.text("""
    select activity.pid,
           coalesce(nullif(activity.application_name, ''), 'without a name') as application,
           activity.usename as role,
           activity.state,
           extract(epoch from clock_timestamp() - coalesce(activity.xact_start, activity.backend_start))::integer
               as seconds
      from unnest(pg_blocking_pids(:pid)) as blocker (pid)
      join pg_stat_activity as activity using (pid)
     order by seconds desc nulls last
""")


def is_lock_failure(fault: BaseException) -> bool:
    """Return whether `fault` is a lock timeout or a deadlock."""
    return isinstance(fault, sa.exc.DBAPIError) and getattr(fault.orig, "sqlstate", None) in LOCK_FAILURES


@dataclass
class BlockerMonitor:
    """Samples in a thread which sessions block server process `pid`; `blockers` describes the last ones."""

    connection: Connection
    pid: int
    blockers: str = "somebody who was not seen in time"
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self, pause: float = 0.1) -> None:
        """Sample every `pause` seconds until `stop`: after the lock timeout the server no longer knows the blockers."""
        while not self._over.wait(pause):
            try:
                rows = self.connection.execute(BLOCKERS, {"pid": self.pid}).all()
            except sa.exc.DBAPIError:
                return
            if rows:
                self.blockers = ", ".join(
                    f"pid {row.pid} (application {row.application}, role {row.role}, {row.state or 'hidden'}"
                    f" since {row.seconds} s)"
                    for row in rows
                )

    def stop(self) -> None:
        """End the loop of the thread."""
        self._over.set()


@contextmanager
def monitor_blockers(connection: Connection, pid: int) -> Iterator[BlockerMonitor]:
    """Run a BlockerMonitor for server process `pid` inside the block.

    `connection` is in AUTOCOMMIT, and nothing else may use it inside the block.
    """
    monitor = BlockerMonitor(connection, pid)
    thread = threading.Thread(target=monitor.run, name="surefoot-blockers", daemon=True)
    thread.start()
    try:
        yield monitor
    finally:
        monitor.stop()
        thread.join()


def retry_on_lock(
    work: Callable[[], None], step: Callable[[], object], monitor: BlockerMonitor, deadline: float
) -> None:
    """Run `work`, and run it again after each lock failure, with growing pauses that have random jitter.

    `step` returns the revision at which `work` is: the `deadline` (seconds) and the pauses start anew with each. Raises
    the last lock failure at the deadline, and any other error at once.
    """
    stuck_at: object = None
    until = pause = 0.0
    while True:
        try:
            return work()
        except sa.exc.DBAPIError as fault:
            now = time.monotonic()
            if not is_lock_failure(fault):
                raise
            if step() != stuck_at:
                stuck_at, until, pause = step(), now + deadline, 0.25
            if now >= until:
                raise
        wait = min(pause * random.uniform(0.5, 1.5), max(until - now, 0.05))  # noqa: S311  # jitter, not a secret
        log.info(
            "Gave way, a table is in use by %s. Trying again in %.1f s, for another %.0f s.",
            monitor.blockers,
            wait,
            until - now,
        )
        time.sleep(wait)
        pause = min(pause * 1.6, 5.0)
