"""Retries a revision on lock timeout, so that no other session queues behind a statement that waits for a lock.

The log names the sessions that blocked it.
"""

import logging
import random
import time
from collections.abc import Callable

import sqlalchemy as sa

from surefoot.runtime.session_monitor import SessionMonitor

log = logging.getLogger("surefoot")

LOCK_FAILURES = frozenset({"55P03", "40P01"})
"""SQLSTATEs lock_not_available (raised by lock_timeout) and deadlock_detected. The transaction can be retried."""
GAVE_UP = "It was tried again until the deadline."
"""Note on a lock failure after which nobody tries again."""


def is_lock_failure(fault: BaseException) -> bool:
    """Return whether `fault` is a lock timeout or a deadlock."""
    return isinstance(fault, sa.exc.DBAPIError) and getattr(fault.orig, "sqlstate", None) in LOCK_FAILURES


def retry_on_lock(
    work: Callable[[], None], step: Callable[[], object], monitor: SessionMonitor, deadline: float
) -> None:
    """Run `work`, and run it again after each lock failure, with growing pauses that have random jitter.

    `step` returns the revision at which `work` is: the `deadline` (seconds) and the pauses start anew with each. Raises
    the last lock failure at the deadline, and any other error at once. One retry may run inside another, as that of an
    operation runs inside that of its revision: where the inner one came to its deadline, the outer one ends as well.
    """
    stuck_at: object = None
    until = pause = 0.0
    while True:
        try:
            return work()
        except sa.exc.DBAPIError as fault:
            now = time.monotonic()
            if not is_lock_failure(fault) or GAVE_UP in getattr(fault, "__notes__", ()):
                raise
            if step() != stuck_at:
                stuck_at, until, pause = step(), now + deadline, 0.25
            if now >= until:
                fault.add_note(GAVE_UP)
                raise
        wait = min(pause * random.uniform(0.5, 1.5), max(until - now, 0.05))  # noqa: S311  # jitter, not a secret
        log.info(
            "Waiting for a lock: a table is in use by %s. Next try in %.1f s; giving up in %.0f s.",
            monitor.blockers,
            wait,
            until - now,
        )
        time.sleep(wait)
        pause = min(pause * 1.6, 5.0)
