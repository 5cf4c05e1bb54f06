"""Advisory locks that allow one migrator at a time in a database.

The migrator lock is polled with `pg_try_advisory_lock` on a connection of its own in AUTOCOMMIT, because a blocked
`pg_advisory_lock` holds a snapshot that would stall CREATE INDEX CONCURRENTLY for ever. The connection that does the
work holds a second one, the worker lock: the server process of a killed client may work on, as an index build does, and
the next migrator has to wait until it ends.
"""

import logging
import math
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.errors import FailedError
from surefoot.program import variable

log = logging.getLogger("surefoot")

SPACE = 0x6F757273
"""First half of our advisory keys ("ours"); PostgreSQL keeps them apart by database."""
MIGRATOR = 1
"""Held by the connection that coordinates, for as long as the command runs."""
WORKER = 2
"""Held by the connection that runs the revisions, for as long as its server process lives."""
QUEUE = 3
"""Held by who works off the queue, for as long as it does; it keeps another worker away, and no migrator."""

TRY = sa.text("select pg_try_advisory_lock(:space, :lock)")
RELEASE = sa.text("select pg_advisory_unlock(:space, :lock)")
# objsubid tells a key of two numbers, as ours are, from one large number that an application may have
HOLDER = sa.text("""
    select activity.pid,
           coalesce(nullif(activity.application_name, ''), 'without a name') as application,
           activity.usename as role,
           activity.state,
           extract(epoch from clock_timestamp() - activity.state_change)::integer as silent,
           extract(epoch from clock_timestamp() - activity.backend_start)::integer as seconds
      from pg_locks
      join pg_stat_activity as activity using (pid)
     where locktype = 'advisory'
       and classid = :space
       and objid = :lock
       and objsubid = 2
       and pg_locks.database = (select oid from pg_database where datname = current_database())
       and granted
""")


@contextmanager
def only_migrator(connection: Connection, deadline: float, worker: int | None = None) -> Iterator[None]:
    """Hold the migrator lock inside the block.

    `connection` is in AUTOCOMMIT and runs only short statements. On entry no other migrator runs, and no server process
    of a killed one still works. `worker` is the pid of the server process that will do the work; it may hold the worker
    lock from an earlier command in its transaction. Raises FailedError, which names the holder, after `deadline`
    seconds.
    """
    until = time.monotonic() + deadline
    _acquire(connection, MIGRATOR, "another migration of this database runs", until, deadline)
    try:
        _wait_for_worker(connection, worker, until, deadline)
        yield
    finally:
        _release(connection)


def _release(connection: Connection) -> None:
    lost = connection.invalidated
    if not lost and not connection.closed:
        try:
            connection.execute(RELEASE, {"space": SPACE, "lock": MIGRATOR})
        except sa.exc.DBAPIError:
            lost = True
    if lost:  # not an error: the worker lock has kept other migrators away since
        log.warning("The connection that held the migration lock was lost on the way.")


def _wait_for_worker(connection: Connection, worker: int | None, until: float, deadline: float) -> None:
    row = connection.execute(HOLDER, {"space": SPACE, "lock": WORKER}).first()
    if row is not None and row.pid == worker:
        return
    _acquire(connection, WORKER, "the server still works for a migration whose client has gone", until, deadline)
    connection.execute(RELEASE, {"space": SPACE, "lock": WORKER})


def try_lock(connection: Connection, lock: int) -> bool:
    """Take the lock for the session of `connection` if it is free; return whether it was."""
    return bool(connection.execute(TRY, {"space": SPACE, "lock": lock}).scalar_one())


def holder(connection: Connection, lock: int = MIGRATOR) -> str | None:
    """Return the session that holds the lock as text for a message; None where none does."""
    row = connection.execute(HOLDER, {"space": SPACE, "lock": lock}).first()
    if row is None:
        return None
    who = f"pid {row.pid} (application {row.application}, role {row.role}"
    if row.seconds is None:
        return f"{who}; with pg_read_all_stats this role would see more)"
    return f"{who}, {row.state} since {row.silent} s) since {row.seconds} s"


def _ends(connection: Connection, lock: int) -> str:
    row = connection.execute(HOLDER, {"space": SPACE, "lock": lock}).first()
    if row is None:
        return ""
    return f" Where its client is known to be gone, select pg_terminate_backend({row.pid}); ends it."


def _acquire(connection: Connection, lock: int, why: str, until: float, deadline: float) -> None:
    announced = -math.inf
    while not connection.execute(TRY, {"space": SPACE, "lock": lock}).scalar_one():
        now = time.monotonic()
        who = holder(connection, lock) or "somebody who has just ended"
        if now >= until:
            raise FailedError(
                f"Gave up after {deadline:.0f} s: {why}: {who}.",
                "Wait for it to end and run the same command again; nothing was changed. "
                f"{variable('MIGRATOR_DEADLINE')} sets how long to wait.{_ends(connection, lock)}",
            )
        if now - announced > 30:
            log.info("Waiting: %s: %s.", why, who)
            announced = now
        time.sleep(random.uniform(0.05, 0.25))  # noqa: S311  # jitter, not a secret
