"""Waits before an upgrade with a window until nobody is in its way: long transactions, dumps, replicas behind."""

import time

from sqlalchemy.engine import URL

from surefoot import maintenance_window
from surefoot.errors import FailedError
from surefoot.maintenance_window import Window
from surefoot.operate.backup.backup_dump import Say
from surefoot.operate.change import open_transactions
from surefoot.operate.replica_distance import MAX_LAG, ReplicaDistance
from surefoot.program import program
from surefoot.readonly import read_connection

LOOK = 1.0
"""Seconds between two looks."""
SAY = 30.0
"""Seconds between two lines that say the same."""


def wait_until_quiet(url: URL, window: Window, say: Say) -> None:
    """Return once nobody is in the way of an upgrade of the database of `url`; `say` gets what is waited for.

    Raises FailedError where the window ends before.
    """
    replicas = ReplicaDistance(MAX_LAG)
    said, said_at = "", 0.0
    with read_connection(url, f"{program()} upgrade") as connection:
        while True:
            in_the_way = "; ".join([*open_transactions.find(connection), *replicas.far(connection)])
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
