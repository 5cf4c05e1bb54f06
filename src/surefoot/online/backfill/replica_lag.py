"""Pause batches while a streaming replica lags further behind than it did when the work began."""

import logging
import time
from dataclasses import dataclass, field

from surefoot.online.executor import Steps

log = logging.getLogger("surefoot")

MAX_LAG = 5.0
"""Seconds of replay lag that the work may add."""
LONGEST_PAUSE = 120.0
"""Seconds to wait for a replica: one with recovery_min_apply_delay never catches up."""
INTERVAL = 1.0
"""Seconds between two queries for the lag."""

# Without the rights of pg_monitor replay_lag is NULL: then there is no lag to wait for.
LAG = """
select pid,
       coalesce(nullif(application_name, ''), 'without a name') as name,
       extract(epoch from replay_lag)::float as seconds
  from pg_stat_replication
 where replay_lag is not null
"""


@dataclass
class Replicas:
    """The replicas of the server during one long operation."""

    steps: Steps
    _initial: dict[int, float] | None = None
    """Replay lag in seconds by the pid of the walsender, at the first query."""
    _given_up: set[int] = field(default_factory=set)
    _inspected: float = 0.0

    def wait_for_lag(self) -> None:
        """Return once no replica lags by more than `MAX_LAG` because of this operation, or after `LONGEST_PAUSE`.

        Queries the lag at most every `INTERVAL` seconds.
        """
        now = time.monotonic()
        if now - self._inspected < INTERVAL:
            return
        lagging = self._lagging()
        if lagging:
            log.info("Pausing: replica %s is %.0f s behind.", *lagging[0][1:])
        while lagging and time.monotonic() - now < LONGEST_PAUSE:
            time.sleep(INTERVAL / 2)
            lagging = self._lagging()
        for pid, name, seconds in lagging:
            log.warning("Going on: replica %s is %.0f s behind and does not catch up.", name, seconds)
            self._given_up.add(pid)
        self._inspected = time.monotonic()

    def _lagging(self) -> list[tuple[int, str, float]]:
        replicas = [(row.pid, row.name, row.seconds) for row in self.steps.fetch(LAG)]
        if self._initial is None:
            self._initial = {pid: seconds for pid, _, seconds in replicas}
        initial = self._initial
        return [
            (pid, name, seconds)
            for pid, name, seconds in replicas
            if pid not in self._given_up and seconds > initial.get(pid, 0.0) + MAX_LAG
        ]
