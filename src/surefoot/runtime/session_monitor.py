"""Watches the server process that migrates, from a second connection: who blocks it, and whether anybody answers.

The log names the sessions that blocked it. A connection over which nothing comes back any more is given up, so that
whoever waits for it gets an error instead of waiting for as long as the network holds it open.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import pq

from surefoot.errors import SurefootError
from surefoot.runtime import blockers
from surefoot.runtime.repeated_warnings import PASSING
from surefoot.servers import timed_query

log = logging.getLogger("surefoot")

PAUSE = 0.1
"""Seconds between two samples: after the lock timeout the server no longer knows the blockers."""
STANDBY = 2.0
"""Seconds that a commit may wait for a synchronous standby before it is said."""
STOP = 2.0
"""Seconds that the thread has to end when the work is done, before its connection is given up."""


class SessionMonitor:
    """Samples in a thread what server process `pid`, which works for `worker`, does and waits for.

    `watcher` is another connection, in autocommit, which nothing else uses meanwhile; `reconnect` opens one more like
    it. `answer_timeout` is in seconds.
    """

    def __init__(
        self,
        watcher: psycopg.Connection,
        worker: psycopg.Connection,
        pid: int,
        reconnect: Callable[[], psycopg.Connection],
        answer_timeout: float,
    ) -> None:
        self.blockers = "somebody who was not seen in time"
        """The sessions and prepared transactions that blocked the process last."""
        self.remedy = ""
        """The same, each with the statement that ends it; empty where nobody was seen."""
        self._watcher = watcher
        self._worker = worker
        self._pid = pid
        self._reconnect = reconnect
        self._limit = answer_timeout
        self._over = threading.Event()
        self._own: psycopg.Connection | None = None
        self._idle: tuple[str, float] | None = None
        self._standby_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="surefoot-monitor", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, within seconds also where its connection does not answer."""
        self._over.set()
        self._thread.join(STOP)
        if self._thread.is_alive():
            timed_query.sever(self._watcher)
            self._thread.join(STOP)
            self._watcher.close()
        if self._own is not None:
            self._own.close()

    def _run(self) -> None:
        while not self._over.wait(PAUSE):
            try:
                since, found = self._sample()
            except timed_query.NoAnswer:
                if self._over.is_set() or not self._watch_anew():
                    return
                continue
            except (psycopg.Error, ValueError):
                return  # the server has ended this session, which costs the names of blockers alone
            self._see_blockers(found)
            self._see_standby(found)
            self._see_answer(since)

    def _sample(self) -> tuple[str | None, Mapping[str, Any]]:
        """Return since when the process is idle, None where it works, and a row of `blockers.QUERY` where it waits."""
        ((state, since, waits),) = timed_query.fetch(self._watcher, blockers.GLANCE, self._limit, str(self._pid))
        idle = since if str(state).startswith("idle") else None
        if waits != "t":
            return idle, {}
        ((row,),) = timed_query.fetch(self._watcher, blockers.QUERY, self._limit, str(self._pid))
        return idle, json.loads(row or "{}")

    def _watch_anew(self) -> bool:
        """Go on from another connection; where there is none either, give up the one that works, and return False."""
        self._watcher.close()  # whoever has to give back its lock must not find a question without an answer on it
        try:
            self._watcher = self._own = self._reconnect()
            self._watcher.autocommit = True
        except (psycopg.Error, SurefootError):  # a pooler may have none left
            self._give_up("There was no answer from the server")
            return False
        return True

    def _see_blockers(self, found: Mapping[str, Any]) -> None:
        text = blockers.describe(found)
        if text:
            self.blockers, self.remedy = text, blockers.describe(found, ends=True)

    def _see_standby(self, found: Mapping[str, Any]) -> None:
        text = blockers.describe_standby(found)
        if not text:
            self._standby_since = None
        elif self._standby_since is None:
            self._standby_since = time.monotonic()
        elif time.monotonic() - self._standby_since > STANDBY:
            self._standby_since = float("inf")  # said once
            log.warning("%s", text, extra=PASSING)

    def _see_answer(self, idle: str | None) -> None:
        """Give up the connection that works where the server has answered, waits for more, and nothing arrived here.

        `idle` is the moment since when the process has done nothing: between many short statements one is idle in each
        sample, and never since the same moment.
        """
        waits = not self._worker.closed and self._worker.pgconn.transaction_status == pq.TransactionStatus.ACTIVE
        if idle is None or not waits:
            self._idle = None
        elif self._idle is None or self._idle[0] != idle:
            self._idle = idle, time.monotonic()
        elif time.monotonic() - self._idle[1] > self._limit:
            self._give_up("There was no answer over the connection that works")

    def _give_up(self, why: str) -> None:
        log.error("%s for %.0f s: it is given up.", why, self._limit)
        self._over.set()
        with suppress(psycopg.Error):
            timed_query.sever(self._worker)


@contextmanager
def monitored(monitor: SessionMonitor) -> Iterator[SessionMonitor]:
    """Run `monitor` inside the block."""
    monitor.start()
    try:
        yield monitor
    finally:
        monitor.stop()
