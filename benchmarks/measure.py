"""Two ways of doing one thing, measured in turn so that a noisy machine is noisy to both."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table

Work = Callable[[], None]


@dataclass(frozen=True)
class Comparison:
    """Medians in seconds of ours and theirs over the same rounds; `bound` is the ratio allowed."""

    what: str
    ours: float
    theirs: float
    bound: float

    @property
    def ratio(self) -> float:
        """Ours over theirs."""
        return self.ours / self.theirs


def in_turn(  # noqa: PLR0913  # two things to do, and how
    what: str, ours: Work, theirs: Work, *, rounds: int, bound: float, before: Work = lambda: None
) -> Comparison:
    """Run both `rounds` times, one after the other, the first round unmeasured, and never what comes `before` each."""
    taken = medians(ours, theirs, rounds=rounds, before=before)
    return Comparison(what, taken[0], taken[1], bound)


def medians(*works: Work, rounds: int, before: Work = lambda: None) -> list[float]:
    """The median seconds of each, all of them in each round, there and back; see `in_turn`."""
    taken: list[list[float]] = [[] for _ in works]
    for turn in range(rounds + 1):
        order = list(range(len(works)))
        for side in order if turn % 2 else order[::-1]:
            before()
            seconds = timed(works[side])
            if turn:
                taken[side].append(seconds)
    return [median(each) for each in taken]


def timed(work: Work) -> float:
    """Seconds that `work` takes; as timeit does, without Python's garbage collector, which strikes whom it likes."""
    gc.collect()
    gc.disable()
    try:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    finally:
        gc.enable()


def show(title: str, theirs: str, rows: list[Comparison]) -> None:
    """Print the comparisons as one table."""
    table = Table(title=title, title_justify="left")
    for column in ("what", "ours", theirs, "ratio", "allowed"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for row in rows:
        verdict = "" if row.ratio <= row.bound else " exceeded"
        table.add_row(
            row.what,
            f"{row.ours * 1000:.0f} ms",
            f"{row.theirs * 1000:.0f} ms",
            f"{row.ratio:.2f}",
            f"≤ {row.bound}{verdict}",
        )
    Console(width=100).print(table)
