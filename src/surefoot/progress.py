"""Shows on stderr how far long work is: on a terminal in lines that change, elsewhere as plain lines of a log.

A command's step and the bar of a batch may be under way together. Both are drawn on one console, where Rich renders
all that is live as one block: the step above, the bar below it.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from surefoot import silence
from surefoot.wording import duration, paragraph

if TYPE_CHECKING:
    from rich.console import Console

log = logging.getLogger("surefoot")

INTERVAL = 60.0
"""Seconds between two lines on one batch in a log."""


@contextmanager
def command_steps() -> Iterator[Callable[[str], None]]:
    """Yield a function that prints each step of a command; on a terminal the last line also shows it with a spinner."""
    if not on_terminal():

        def log_step(text: str) -> None:
            _console().print(text, soft_wrap=True)
            silence.said(text)

        yield log_step
        return
    from rich.live import Live  # noqa: PLC0415  # Rich takes as long to load as the driver, and a log needs none of it
    from rich.spinner import Spinner  # noqa: PLC0415  # as above
    from rich.text import Text  # noqa: PLC0415  # as above

    spinner = Spinner("dots", Text("…"), style="status.spinner")
    live = Live(
        spinner, console=_console(), transient=True, refresh_per_second=12.5, redirect_stdout=sys.stdout.isatty()
    )  # fmt: skip

    def show(text: str) -> None:
        spinner.update(text=Text(f"{text} …", no_wrap=True, overflow="ellipsis"))

    def say(text: str) -> None:
        _console().print(paragraph(text, "", "  "), soft_wrap=True)
        show(text)

    with live, _log_above_the_display(), silence.displayed(show):
        yield say


class RowProgress:
    """Counts the rows that a batch has inspected and changed, of a total that is an estimate."""

    def __init__(self, total: int, show: Callable[["RowProgress"], None]) -> None:
        self.total = total
        self.rows = 0
        self.changed = 0
        self.started = time.monotonic()
        self._show = show

    @property
    def rate(self) -> float:
        """Rows inspected per second so far."""
        return self.rows / max(time.monotonic() - self.started, 1e-6)

    def advance(self, rows: int, changed: int) -> None:
        """Count `rows` more as inspected and `changed` of them as changed, and show it."""
        self.rows += rows
        self.changed += changed
        self.total = max(self.total, self.rows)
        self._show(self)


@contextmanager
def row_progress(what: str, total: int) -> Iterator[RowProgress]:
    """Show the rows of the work `what` while the block runs: a bar on a terminal, a line a minute in a log.

    Where the block succeeds, its end is one line in the log, unless it took no time and changed nothing.
    """
    with _bar(what, total) if on_terminal() else _lines(what) as show:
        progress = RowProgress(total, show)
        yield progress
    seconds = time.monotonic() - progress.started
    if progress.changed or seconds > 1:
        log.info("%s: done, %s rows looked at, %s changed, %.1f s.",
                 what, f"{progress.rows:,}", f"{progress.changed:,}", seconds)  # fmt: skip


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[RowProgress], None]]:
    # imported here for the same reason
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("rows"),
        TextColumn("{task.fields[rate]}/s"), TimeRemainingColumn(),
        console=_console(), transient=True, redirect_stdout=sys.stdout.isatty(),
    )  # fmt: skip
    with bar, _log_above_the_display(), silence.paused():
        task = bar.add_task(what, total=total, rate="0")
        yield lambda progress: bar.update(
            task, completed=progress.rows, total=progress.total, rate=f"{progress.rate:,.0f}"
        )


@contextmanager
def _lines(what: str) -> Iterator[Callable[[RowProgress], None]]:
    last = time.monotonic()

    def show(progress: RowProgress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= INTERVAL:
            last = now
            rate = progress.rate
            log.info("%s: %s of about %s rows, %s/s, about %s left.",
                     what, f"{progress.rows:,}", f"{progress.total:,}", f"{rate:,.0f}",
                     duration((progress.total - progress.rows) / max(rate, 1e-6)))  # fmt: skip

    yield show


def on_terminal() -> bool:
    """Return whether stderr is a terminal: FORCE_COLOR alone makes none of a file."""
    return sys.stderr.isatty() and _console().is_terminal


@cache
def _console() -> "Console":
    """Return the one console of the process: two would each move the cursor over the other's lines."""
    from rich.console import Console  # noqa: PLC0415  # as above

    return Console(stderr=True, highlight=False, markup=False)


@contextmanager
def _log_above_the_display() -> Iterator[None]:
    """Send the log's lines through what Rich has put in the place of stderr, so that they appear above the display."""
    stderr = getattr(sys.stderr, "rich_proxied_file", None)
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and stderr is not None and handler.stream is stderr
    ]
    for handler in handlers:
        handler.setStream(sys.stderr)
    try:
        yield
    finally:
        for handler in handlers:
            handler.setStream(stderr)
