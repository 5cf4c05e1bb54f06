"""No queue of stalled users: a revision that does not get its lock gives way, says who blocks, and tries again."""

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
"""lock_not_available (lock_timeout) and deadlock_detected: the transaction was rolled back, others have gone on."""

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
    """Whether `fault` is a lock that was not to be had in time."""
    return isinstance(fault, sa.exc.DBAPIError) and getattr(fault.orig, "sqlstate", None) in LOCK_FAILURES


@dataclass
class BlockerMonitor:
    """Who blocked the watched server process last; filled by a thread while the revisions run."""

    connection: Connection
    pid: int
    seen: str = "somebody who was not seen in time"
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self, pause: float = 0.1) -> None:
        """Look every `pause` seconds until told to stop: after the timeout nobody can tell any more who it was."""
        while not self._over.wait(pause):
            try:
                found = self.connection.execute(BLOCKERS, {"pid": self.pid}).all()
            except sa.exc.DBAPIError:
                return
            if found:
                self.blockers = ", ".join(
                    f"pid {row.pid} (application {row.application}, role {row.role}, {row.state or 'hidden'}"
                    f" since {row.seconds} s)"
                    for row in found
                )

    def stop(self) -> None:
        """End the thread's loop."""
        self._over.set()


@contextmanager
def monitor_blockers(connection: Connection, pid: int) -> Iterator[BlockerMonitor]:
    """Watch server process `pid` from `connection` (AUTOCOMMIT, used by nobody else inside the block)."""
    watch = BlockerMonitor(connection, pid)
    thread = threading.Thread(target=watch.run, name="surefoot-blockers", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        thread.join()


def retry_on_lock(work: Callable[[], None], step: Callable[[], object], watch: BlockerMonitor, deadline: float) -> None:
    """Run `work` until it gets its locks, with growing, jittered pauses between the tries.

    `step` tells which revision it is at: the `deadline` (s) and the pauses begin anew with each. Raises the last fault
    at the deadline, and any other fault at once.
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
            watch.blockers,
            wait,
            until - now,
        )
        time.sleep(wait)
        pause = min(pause * 1.6, 5.0)
