"""Ctrl-C ends a command within seconds, also where the server or the network does not answer any more."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sqlalchemy.engine import Connection

from surefoot.database import driver_of
from surefoot.servers import timed_query

PATIENCE = 3.0
"""Seconds that a cancelled statement has to end by itself, before its connection is given up."""


@contextmanager
def end_in_time(*connections: Connection) -> Iterator[None]:
    """Give up `connections` PATIENCE seconds after a Ctrl-C inside the block, unless the block has ended by then.

    psycopg cancels the statement that runs and then waits for the server's word on it, which may never come. Without
    effect outside the main thread, where Python delivers no signal, and where somebody else handles SIGINT.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield
        return
    timers: list[threading.Timer] = []

    def interrupted(number: int, frame: FrameType | None) -> None:
        timer = threading.Timer(PATIENCE, _give_up, connections)
        timer.daemon = True
        timer.start()
        timers.append(timer)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        for timer in timers:
            timer.cancel()


def _give_up(*connections: Connection) -> None:
    for connection in connections:
        if not connection.closed:
            timed_query.sever(driver_of(connection))
