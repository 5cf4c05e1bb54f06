"""The hours in which work is allowed, `22:00-05:00`, by the clock of the machine on which the command runs."""

import datetime as dt
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from surefoot.errors import UsageError

WRITTEN = re.compile(r"\s*(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)\s*")

LOOK = 1.0
"""Seconds between two looks at the clock."""
SAY = 300.0
"""Seconds between two lines on what is waited for."""


@dataclass(frozen=True)
class Window:
    """From `begin` up to `end`, which lies on the next day where it is the earlier one. Both are local times."""

    begin: dt.time
    end: dt.time

    def is_open(self, now: dt.datetime) -> bool:
        """Return whether `now`, a local time, is inside."""
        time = now.time()
        if self.begin < self.end:
            return self.begin <= time < self.end
        return time >= self.begin or time < self.end

    def opens(self, now: dt.datetime) -> dt.datetime:
        """Return when it opens next, by the clock on the wall; `now` where it is open."""
        return now if self.is_open(now) else _next(self.begin, now)

    def closes(self, now: dt.datetime) -> dt.datetime:
        """Return when it closes next, by the clock on the wall."""
        return _next(self.end, now)

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"


def parse(text: str) -> Window:
    """Return the window that `text` writes. Raises UsageError for anything but two different times of day."""
    match = WRITTEN.fullmatch(text)
    try:
        begin, end = (dt.time(int(match[n]), int(match[n + 1])) for n in (1, 3)) if match else (None, None)
    except ValueError:
        begin = end = None
    if begin is None or end is None:
        raise UsageError(
            f"The window {text!r} is not written as two times of day.", "Write it as in --window 22:00-05:00."
        )
    if begin == end:
        raise UsageError(
            f"The window {text!r} ends when it begins: that may be the whole day or nothing.",
            "Give two different times, or leave --window out to work at any hour.",
        )
    return Window(begin, end)


def now() -> dt.datetime:
    """Return the time on this machine's clock, with its offset (TZ)."""
    return dt.datetime.now().astimezone()


def wait_until_open(window: Window | None, say: Callable[[str], None]) -> None:
    """Return once the window is open, at once where it is or there is none; `say` gets a line every few minutes."""
    said = -SAY
    while window is not None and not window.is_open(now()):
        if time.monotonic() - said >= SAY:
            moment = now()
            opens = window.opens(moment)
            say(f"Waiting until {opens:%Y-%m-%d %H:%M} for the window {window}; now it is {moment:%H:%M} ({moment:%Z})")
            said = time.monotonic()
        time.sleep(LOOK)


def _next(time: dt.time, now: dt.datetime) -> dt.datetime:
    moment = now.replace(hour=time.hour, minute=time.minute, second=0, microsecond=0)
    return moment if moment > now else moment + dt.timedelta(days=1)
