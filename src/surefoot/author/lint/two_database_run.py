"""The way of a history through two scratch databases: one as here, one elsewhere, where steps are cut off as well."""

from contextlib import ExitStack
from dataclasses import dataclass

from sqlalchemy.engine import URL

from surefoot.author.lint.history_run import Elsewhere, Outcome, Rerun, Scratch, told
from surefoot.author.lint.rerun_rule import commits_early
from surefoot.author.lint.statement_recorder import Recording, Statement
from surefoot.scratch_database import scratch_database
from surefoot.settings import Settings


@dataclass(frozen=True)
class Seen:
    """One revision in one direction: as it ran straight, cut off, and elsewhere; and how the way back failed."""

    recording: Recording
    outcome: Outcome
    rerun: Rerun | None
    other: Elsewhere | None = None
    way_back: str = ""
    stumbled: Statement | None = None


class TwoDatabaseRun:
    """Two databases that are brought through the same revisions; `stack` drops them when it is closed."""

    def __init__(self, settings: Settings, url: URL, stack: ExitStack) -> None:
        self._settings = settings
        self._url = url
        self._stack = stack
        self._done: list[str] = []
        self._strayed = False
        self.here = Scratch(settings, self._new())
        self._there = Scratch(settings, self._new(), elsewhere=True)

    def bring(self, revisions: list[str]) -> None:
        """Upgrade both through revisions that nobody asked about: one runs them, the other is a copy."""
        self.here.bring(revisions)
        self._done += revisions
        self._follow()

    def look(self, revision: str) -> list[Seen]:
        """Up, down and up again, in both databases. Raises what a migration raises where the first way up fails."""
        self._strayed = False
        up = self.here.step(revision, "upgrade")
        there = self.here.outcome()
        other, rerun = self._elsewhere(up, there)
        seen = [Seen(up, there, rerun, other)]
        self._done.append(revision)
        seen.append(self._down(revision))
        if self._strayed:
            self._follow()
        else:
            self._there.bring([revision])
        return seen

    def _down(self, revision: str) -> Seen:
        try:
            down = self.here.step(revision, "downgrade")
            back = self.here.outcome()
        except Exception as fault:
            return self._no_way_back(self.here.recorded(revision, "downgrade"), fault, self.here.failed)
        other, rerun = self._elsewhere(down, back)
        try:
            self.here.bring([revision])
        except Exception as fault:
            return self._no_way_back(down, fault, None)
        return Seen(down, back, rerun, other)

    def _no_way_back(self, recording: Recording, fault: Exception, stumbled: Statement | None) -> Seen:
        """Begin anew, and go up to where the history was without looking back."""
        self._strayed = True
        outcome = self.here.outcome()
        self.here = Scratch(self._settings, self._new())
        self.here.bring(self._done)
        return Seen(recording, outcome, None, way_back=told(fault), stumbled=stumbled)

    def _elsewhere(self, recording: Recording, outcome: Outcome) -> tuple[Elsewhere, Rerun | None]:
        """The same step elsewhere; where it commits early, cut off before it was recorded and then run again."""
        revision, direction = recording.revision, recording.direction
        rerun: Rerun | None = None
        try:
            if commits_early(recording):
                recorded = self._there.cut_off(revision, direction)
                rerun = self._there.again(revision, direction)
                left = rerun.outcome
            else:
                recorded = self._there.step(revision, direction)
                left = self._there.outcome()
        except Exception as fault:
            self._follow()
            return Elsewhere(None, None, told(fault)), None
        if left is None or left.catalogue != outcome.catalogue:  # what comes next must not differ for this reason
            self._follow()
        return Elsewhere(recorded, None if rerun or left is None else left.catalogue), rerun

    def _follow(self) -> None:
        """The other database becomes a copy of this one: it failed, or is not the same any more."""
        self._strayed = True
        self._there = self._stack.enter_context(self.here.copy_elsewhere())

    def _new(self) -> URL:
        return self._stack.enter_context(scratch_database(self._url, purpose="lint"))
