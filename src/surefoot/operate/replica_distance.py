"""How far the replicas of a server are behind, in seconds and in bytes of WAL."""

import time
from collections import deque
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.wording import size

MAX_LAG = 10.0
"""Seconds that a replica may be behind, where nobody says otherwise."""
BYTES_A_SECOND = 25_000_000
"""A replica that is further behind than so many bytes for each second of that is far as well."""
REMEMBERED = 3600
"""Samples of where the WAL ended, the oldest of which go first."""

# A role without the rights of pg_monitor sees no positions: then there is nothing to wait for.
POSITIONS = sa.text("""
    select coalesce(nullif(application_name, ''), 'without a name') as name,
           pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint as here,
           pg_wal_lsn_diff(replay_lsn, '0/0')::bigint as there,
           coalesce(extract(epoch from replay_lag), 0)::float as seconds
      from pg_stat_replication
     where replay_lsn is not null
     order by 1
""")


class ReplicaDistance:
    """The distance of the replicas from now on.

    The server's own replay_lag stands still while a replica has stopped replaying. So where the WAL ended is noted at
    each look, and a replica that has not replayed that yet is behind for at least as long.
    """

    def __init__(self, max_lag: float) -> None:
        self._max_lag = max_lag
        self._ends: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)

    def far(self, connection: Connection) -> list[str]:
        """Return a sentence's part for each replica that is too far behind; none where all are near."""
        return list(self._far(connection))

    def _far(self, connection: Connection) -> Iterator[str]:
        now = time.monotonic()
        rows = connection.execute(POSITIONS).all()
        if rows:
            self._ends.append((now, rows[0].here))
        for row in rows:
            unreplayed = next((now - since for since, end in self._ends if end > row.there), 0.0)
            seconds, behind = max(row.seconds, unreplayed), max(row.here - row.there, 0)
            if behind and (seconds > self._max_lag or behind > self._max_lag * BYTES_A_SECOND):
                yield f"replica {row.name} is {seconds:.0f} s and {size(behind)} behind"
