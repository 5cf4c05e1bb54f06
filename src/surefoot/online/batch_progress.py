"""Show the progress of a long operation: a bar on a terminal, one line a minute in a log."""

import logging
import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from surefoot.wording import duration

log = logging.getLogger("surefoot")

INTERVAL = 60.0
"""Seconds between two lines in the log."""


class Progress:
    """The progress of `what` over about `total` rows, shown while the block runs. The end is logged in one line."""

    def __init__(self, what: str, total: int) -> None:
        self.what = what
        self.total = total
        self.rows = 0
        self.changed = 0
        self._bar: Bar | None = None
        self._started = self._logged = time.monotonic()

    def __enter__(self) -> "Progress":
        console = Console(stderr=True)
        if sys.stderr.isatty() and console.is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"),
                TextColumn("{task.fields[rate]}/s"), TimeRemainingColumn(), console=console, transient=True,
            )  # fmt: skip
            self._bar.add_task(self.what, total=self.total, rate="0")
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        seconds = time.monotonic() - self._started
        # a second run that finds nothing to do logs nothing
        if kind is None and (self.changed or seconds > 1):
            log.info("%s: done, %s rows looked at, %s changed, %.1f s.",
                     self.what, f"{self.rows:,}", f"{self.changed:,}", seconds)  # fmt: skip

    def advance(self, rows: int, changed: int) -> None:
        """Add `rows` that were read and, of them, `changed` rows that were written."""
        self.rows += rows
        self.changed += changed
        self.total = max(self.total, self.rows)
        now = time.monotonic()
        rate = self.rows / max(now - self._started, 1e-6)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self.rows, total=self.total, rate=f"{rate:,.0f}")
        elif now - self._logged >= INTERVAL:
            self._logged = now
            log.info("%s: %s of about %s rows, %s/s, about %s left.",
                     self.what, f"{self.rows:,}", f"{self.total:,}", f"{rate:,.0f}",
                     duration((self.total - self.rows) / max(rate, 1e-6)))  # fmt: skip
