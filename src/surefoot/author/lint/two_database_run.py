"""Runs a history in two scratch databases: straight in the first, cut off and in another time zone in the second."""

from contextlib import ExitStack
from dataclasses import dataclass

from sqlalchemy.engine import URL

from surefoot.author.lint.history_run import Elsewhere, Outcome, Rerun, Scratch, fault_sentence
from surefoot.author.lint.rerun_rule import commits_early
from surefoot.author.lint.statement_recorder import Recording, Statement
from surefoot.scratch_database import scratch_database
from surefoot.settings import Settings


@dataclass(frozen=True)
class DirectionRun:
    """One revision in one direction: its run in both databases, and why its downgrade failed, if it did."""

    recording: Recording
    outcome: Outcome
    rerun: Rerun | None
    other: Elsewhere | None = None
    downgrade_fault: str = ""
    failed_statement: Statement | None = None


class TwoDatabaseRun:
    """Two databases that the same revisions are run in; closing `stack` drops them."""

    def __init__(self, settings: Settings, url: URL, stack: ExitStack) -> None:
        self._settings = settings
        self._url = url
        self._stack = stack
        self._done: list[str] = []
        self._differs = False
        self.here = Scratch(settings, self._new())
        self._second = Scratch(settings, self._new(), elsewhere=True)

    def upgrade_through(self, revisions: list[str]) -> None:
        """Upgrade through revisions that are not linted: the first database runs them, the second is copied from it."""
        self.here.upgrade_through(revisions)
        self._done += revisions
        self._copy_first()

    def run_revision(self, revision: str) -> list[DirectionRun]:
        """Run one revision up, down and up again in both databases; return its upgrade and its downgrade.

        Raises the migration's own error where the first upgrade fails.
        """
        self._differs = False
        up = self.here.step(revision, "upgrade")
        outcome = self.here.outcome()
        other, rerun = self._run_elsewhere(up, outcome)
        runs = [DirectionRun(up, outcome, rerun, other)]
        self._done.append(revision)
        runs.append(self._down(revision))
        if self._differs:
            self._copy_first()
        else:
            self._second.upgrade_through([revision])
        return runs

    def _down(self, revision: str) -> DirectionRun:
        try:
            down = self.here.step(revision, "downgrade")
            outcome = self.here.outcome()
        except Exception as fault:
            return self._failed_downgrade(self.here.recorded(revision, "downgrade"), fault, self.here.failed)
        other, rerun = self._run_elsewhere(down, outcome)
        try:
            self.here.upgrade_through([revision])
        except Exception as fault:
            return self._failed_downgrade(down, fault, None)
        return DirectionRun(down, outcome, rerun, other)

    def _failed_downgrade(
        self, recording: Recording, fault: Exception, failed_statement: Statement | None
    ) -> DirectionRun:
        """Replace the first database by a new one, upgraded to the same revision: the old one is half downgraded."""
        self._differs = True
        outcome = self.here.outcome()
        self.here = Scratch(self._settings, self._new())
        self.here.upgrade_through(self._done)
        return DirectionRun(
            recording, outcome, None, downgrade_fault=fault_sentence(fault), failed_statement=failed_statement
        )

    def _run_elsewhere(self, recording: Recording, outcome: Outcome) -> tuple[Elsewhere, Rerun | None]:
        """Run the step in the second database; where it commits early, cut it off and run it again."""
        revision, direction = recording.revision, recording.direction
        rerun: Rerun | None = None
        try:
            if commits_early(recording):
                recorded = self._second.cut_off(revision, direction)
                rerun = self._second.run_again(revision, direction)
                left = rerun.outcome
            else:
                recorded = self._second.step(revision, direction)
                left = self._second.outcome()
        except Exception as fault:
            self._copy_first()
            return Elsewhere(None, None, fault_sentence(fault)), None
        if (
            left is None or left.catalogue != outcome.catalogue
        ):  # so that the next revision does not differ for this reason
            self._copy_first()
        return Elsewhere(recorded, None if rerun or left is None else left.catalogue), rerun

    def _copy_first(self) -> None:
        """Replace the second database by a copy of the first: its step failed, or made something else."""
        self._differs = True
        self._second = self._stack.enter_context(self.here.copy_elsewhere())

    def _new(self) -> URL:
        return self._stack.enter_context(scratch_database(self._url, purpose="lint"))
