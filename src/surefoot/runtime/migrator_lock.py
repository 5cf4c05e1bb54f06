"""One migrator at a time, by advisory locks that are only ever tried, never waited for.

A blocked `pg_advisory_lock` holds a snapshot that stalls CREATE INDEX CONCURRENTLY for ever, so the lock is polled on
a connection of its own in AUTOCOMMIT. A second lock is held by the connection that does the work: when a client is
killed, its server process may work on (an index build does), and the next migrator must wait for that process, not
for a socket.
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

TRY = sa.text("select pg_try_advisory_lock(:space, :lock)")
RELEASE = sa.text("select pg_advisory_unlock(:space, :lock)")
HOLDER = sa.text("""
    select activity.pid,
           coalesce(nullif(activity.application_name, ''), 'without a name') as application,
           activity.usename as role,
           extract(epoch from clock_timestamp() - activity.backend_start)::integer as seconds
      from pg_locks
      join pg_stat_activity as activity using (pid)
     where locktype = 'advisory'
       and classid = :space
       and objid = :lock
       and pg_locks.database = (select oid from pg_database where datname = current_database())
       and granted
""")


@contextmanager
def only_migrator(connection: Connection, deadline: float, worker: int | None = None) -> Iterator[None]:
    """Be the only migrator of this database inside the block.

    `connection` is in AUTOCOMMIT and used for nothing that lasts; `deadline` is in seconds. On entry no other migrator
    runs and no server process of a killed one works on; `worker` is the one that is about to work, and may have the
    lock from an earlier command in its transaction. Raises FailedError, naming the holder, at the deadline.
    """
    until = time.monotonic() + deadline
    _acquire(connection, MIGRATOR, "another migration of this database runs", until, deadline)
    try:
        _nobody_works(connection, worker, until, deadline)
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
    if lost:  # no reason to fail: the lock went with its connection, and the worker's own has kept others away since
        log.warning("The connection that held the migration lock was lost on the way.")


def _nobody_works(connection: Connection, worker: int | None, until: float, deadline: float) -> None:
    row = connection.execute(HOLDER, {"space": SPACE, "lock": WORKER}).first()
    if row is not None and row.pid == worker:
        return
    _acquire(connection, WORKER, "the server still works for a migration whose client has gone", until, deadline)
    connection.execute(RELEASE, {"space": SPACE, "lock": WORKER})


def holder(connection: Connection, lock: int = MIGRATOR) -> str | None:
    """Who holds the lock now, as words for an operator; None where nobody does."""
    row = connection.execute(HOLDER, {"space": SPACE, "lock": lock}).first()
    if row is None:
        return None
    return f"pid {row.pid} (application {row.application}, role {row.role}) since {row.seconds} s"


def _acquire(connection: Connection, lock: int, why: str, until: float, deadline: float) -> None:
    announced = -math.inf
    while not connection.execute(TRY, {"space": SPACE, "lock": lock}).scalar_one():
        now = time.monotonic()
        who = holder(connection, lock) or "somebody who has just ended"
        if now >= until:
            raise FailedError(
                f"Gave up after {deadline:.0f} s: {why}: {who}.",
                "Wait for it to end and run the same command again; nothing was changed. "
                f"{variable('MIGRATOR_DEADLINE')} sets how long to wait.",
            )
        if now - announced > 30:
            log.info("Waiting: %s: %s.", why, who)
            announced = now
        time.sleep(random.uniform(0.05, 0.25))  # noqa: S311  # jitter, not a secret
