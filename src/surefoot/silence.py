"""Ends the silence of a command: after two seconds without a word it says what is being waited for.

A line comes after 2, 10 and 30 seconds and then every minute, on stderr, so that what a command prints stays clean.
Nothing is said while a display moves on a terminal, while somebody is asked, or where no command runs.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LIMIT = 2.0
"""Seconds without a word."""
AGAIN = (10.0, 30.0)
"""Seconds of the same silence after which it is said again; then each `MINUTE`."""
MINUTE = 60.0
LOGGERS = ("surefoot", "alembic")


class _Watch(logging.Handler):
    """Knows what a command is doing and when it last said something; a thread of its own looks at that."""

    def __init__(self, doing: str) -> None:
        super().__init__()
        self.doing = doing
        self.paused = 0
        self._last = self._since = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="silence", daemon=True)

    def begin(self) -> None:
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(self)
        self._thread.join()

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002  # any line is a word
        self.said()

    def said(self) -> None:
        self._last = self._since = time.monotonic()

    def _look(self) -> None:
        while not self._ended.wait(0.1):
            now = time.monotonic()
            if self.paused:
                self._last = self._since = now
            elif now - self._last >= self._wait(self._last - self._since):
                self._last = now
                sys.stderr.write(f"Waiting for {now - self._since:.0f} s: {self.doing}\n")
                sys.stderr.flush()

    @staticmethod
    def _wait(silent: float) -> float:
        """Return the seconds until the next line, of a silence of which the last line was said after `silent` ones."""
        if silent < LIMIT / 2:
            return LIMIT
        return next((after - silent for after in AGAIN if after > silent + 0.5), MINUTE)


_watches: list[_Watch] = []
_displays: list[Callable[[str], None]] = []


@contextmanager
def ended(activity: str) -> Iterator[None]:
    """End the silences of a command, which is the block. In another block of this kind it only names the activity."""
    if _watches:
        doing(activity)
        yield
        return
    watch = _Watch(activity)
    _watches.append(watch)
    watch.begin()
    try:
        yield
    finally:
        _watches.remove(watch)
        watch.end()


def doing(activity: str) -> None:
    """Name what is done from now on, as a clause that can stand behind a colon."""
    for watch in _watches:
        watch.doing = activity
    for show in _displays:
        show(activity)


@contextmanager
def displayed(show: Callable[[str], None]) -> Iterator[None]:
    """Have what is done shown by a display that moves; so no word about it is missed in the block."""
    _displays.append(show)
    try:
        with paused():
            yield
    finally:
        _displays.remove(show)


def said(activity: str) -> None:
    """Tell that `activity` was printed, so that nothing is silent just now."""
    doing(activity)
    for watch in _watches:
        watch.said()


@contextmanager
def paused() -> Iterator[None]:
    """Say nothing in the block: somebody is asked, or a display moves."""
    for watch in _watches:
        watch.paused += 1
    try:
        yield
    finally:
        for watch in _watches:
            watch.paused -= 1
