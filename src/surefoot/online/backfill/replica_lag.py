"""Giving way to replicas: batches pause while one of them falls behind what it was at the beginning."""

import logging
import time
from dataclasses import dataclass, field

from surefoot.online.executor import Steps

log = logging.getLogger("surefoot")

BEHIND = 5.0
"""Seconds that a replica may fall behind because of us."""
PATIENCE = 120.0
"""Seconds that we wait for one replica: one that is delayed on purpose never comes nearer."""
LOOK = 1.0
"""Seconds between two looks."""

# Without the rights of pg_monitor the rows are there and their lag is NULL: then there is nothing to give way to.
LAG = """
select pid,
       coalesce(nullif(application_name, ''), 'without a name') as name,
       extract(epoch from replay_lag)::float as seconds
  from pg_stat_replication
 where replay_lag is not null
"""


@dataclass
class Replicas:
    """The replicas of this server as one piece of long work sees them."""

    steps: Steps
    _at_first: dict[int, float] | None = None
    _hopeless: set[int] = field(default_factory=set)
    _looked: float = 0.0

    def give_way(self) -> None:
        """Return once no replica is behind because of us; looks no oftener than every `LOOK` seconds."""
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        behind = self._behind()
        if behind:
            log.info("Pausing: replica %s is %.0f s behind.", *behind[0][1:])
        while behind and time.monotonic() - now < PATIENCE:
            time.sleep(LOOK / 2)
            behind = self._behind()
        for pid, name, seconds in behind:
            log.warning("Going on: replica %s is %.0f s behind and does not catch up.", name, seconds)
            self._hopeless.add(pid)
        self._looked = time.monotonic()

    def _behind(self) -> list[tuple[int, str, float]]:
        found = [(row.pid, row.name, row.seconds) for row in self.steps.look(LAG)]
        if self._at_first is None:
            self._at_first = {pid: seconds for pid, _, seconds in found}
        first = self._at_first
        return [
            (pid, name, seconds)
            for pid, name, seconds in found
            if pid not in self._hopeless and seconds > first.get(pid, 0.0) + BEHIND
        ]
