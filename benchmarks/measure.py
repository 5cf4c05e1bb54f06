"""Two ways of doing one thing, measured in turn so that a noisy machine is noisy to both."""

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
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        order = (0, 1) if turn % 2 else (1, 0)
        for side in order:
            before()
            started = time.perf_counter()
            (ours, theirs)[side]()
            if turn:
                taken[side].append(time.perf_counter() - started)
    return Comparison(what, median(taken[0]), median(taken[1]), bound)


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
