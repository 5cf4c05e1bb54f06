"""One thing that was tried in a proof, and what came of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from surefoot.errors import SurefootError


@dataclass(frozen=True)
class Step:
    """What was tried, seconds, and what was wrong, or nothing; `notes` are what is good to know."""

    what: str
    seconds: float
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def found(self, *problems: str) -> "Step":
        """The same with more that was wrong."""
        return replace(self, problems=(*self.problems, *problems))

    def noted(self, *notes: str) -> "Step":
        """The same with more to know."""
        return replace(self, notes=(*self.notes, *notes))


def tried(what: str, run: Callable[[], tuple[str, ...] | None]) -> Step:
    """Run it; what it returns or raises are the problems."""
    started = time.perf_counter()
    try:
        problems = run() or ()
    except SurefootError as fault:
        problems = (fault.message,)
    return Step(what, time.perf_counter() - started, problems)
