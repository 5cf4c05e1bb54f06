"""A step of the test of a revision, and its result."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from surefoot.errors import SurefootError


@dataclass(frozen=True)
class Step:
    """A step: what it does, its duration in seconds, its problems (none where it passed), and notes."""

    what: str
    seconds: float
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def with_problems(self, *problems: str) -> "Step":
        """Return the step with more problems."""
        return replace(self, problems=(*self.problems, *problems))

    def with_notes(self, *notes: str) -> "Step":
        """Return the step with more notes."""
        return replace(self, notes=(*self.notes, *notes))


def timed_step(what: str, run: Callable[[], tuple[str, ...] | None]) -> Step:
    """Time `run`; the problems of the step are what it returns, or the message of the SurefootError that it raises."""
    started = time.perf_counter()
    try:
        problems = run() or ()
    except SurefootError as fault:
        problems = (fault.message,)
    return Step(what, time.perf_counter() - started, problems)
