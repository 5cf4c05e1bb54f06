"""What a busy machine costs everybody, measured beside the test, so that no bound in seconds needs a quiet one."""

import threading
import time
from contextlib import suppress
from types import TracebackType

import psycopg

FACTOR = 3
"""A client has more statements than the one here, and longer ones: so often the longest stall may have met it."""


class Stalls:
    """A context manager: inside, a statement that needs no lock is repeated, and the longest that it took is noted.

    With `statements` it is the longest that so many took, one after the other, as in somebody's transaction.
    """

    def __init__(self, dsn: str, statements: int = 1) -> None:
        self._statements = statements
        self.longest = 0.0
        """In seconds."""
        self._dsn, self._over = dsn, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def allowance(self) -> float:
        """Seconds that belong on top of a bound that holds on a machine which does nothing else."""
        return FACTOR * self.longest

    def __enter__(self) -> "Stalls":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(60)

    def _run(self) -> None:
        # a test may end all sessions, or the server
        with (
            suppress(psycopg.Error),
            psycopg.connect(self._dsn, autocommit=True, application_name="stalls") as connection,
        ):
            while not self._over.wait(0.01):
                began = time.perf_counter()
                for _ in range(self._statements):
                    connection.execute("select 1", prepare=False)
                self.longest = max(self.longest, time.perf_counter() - began)
