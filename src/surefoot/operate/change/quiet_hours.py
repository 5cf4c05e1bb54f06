"""Waits before an upgrade with a window until nobody is in its way: long transactions, dumps, replicas behind."""

import time
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot import maintenance_window
from surefoot.errors import FailedError
from surefoot.maintenance_window import Window
from surefoot.operate.backup.backup_dump import Say
from surefoot.operate.replica_distance import MAX_LAG, ReplicaDistance
from surefoot.program import program
from surefoot.readonly import read_connection

OLD = 60.0
"""Seconds from which on a transaction is waited for."""
LOOK = 1.0
"""Seconds between two looks."""
SAY = 30.0
"""Seconds between two lines that say the same."""
BUSY = sa.text("""
    select pid,
           coalesce(nullif(application_name, ''), 'without a name') as application,
           usename as role,
           application_name like 'pg\\_dump%' as dumps,
           extract(epoch from clock_timestamp() - xact_start)::integer as seconds
      from pg_stat_activity
     where datname = current_database()
       and pid <> pg_backend_pid()
       and backend_type = 'client backend'
       and (application_name like 'pg\\_dump%' or xact_start < clock_timestamp() - make_interval(secs => :old))
     order by backend_start
""")


def wait_until_quiet(url: URL, window: Window, say: Say) -> None:
    """Return once nobody is in the way of an upgrade of the database of `url`; `say` gets what is waited for.

    Raises FailedError where the window ends before.
    """
    replicas = ReplicaDistance(MAX_LAG)
    said, said_at = "", 0.0
    with read_connection(url, f"{program()} upgrade") as connection:
        while True:
            in_the_way = "; ".join([*_busy(connection), *replicas.far(connection)])
            connection.rollback()  # so that nobody waits for this transaction
            if not window.is_open(maintenance_window.now()):
                what = f"it was quiet: {in_the_way}" if in_the_way else "the backup was made"
                raise FailedError(
                    f"The window {window} ended before {what}.", "Run the same command again; no revision was applied."
                )
            if not in_the_way:
                return
            sessions = "".join(each for each in in_the_way if not each.isdigit())
            if sessions != said or time.monotonic() - said_at > SAY:
                closes = window.closes(maintenance_window.now())
                say(f"Waiting for quiet, until {closes:%H:%M} at most: {in_the_way}")
                said, said_at = sessions, time.monotonic()
            time.sleep(LOOK)


def _busy(connection: Connection) -> Iterator[str]:
    for row in connection.execute(BUSY, {"old": OLD}):
        who = f"pid {row.pid} (application {row.application}, role {row.role})"
        yield f"{who} dumps the database" if row.dumps else f"{who} has had a transaction open for {row.seconds} s"
