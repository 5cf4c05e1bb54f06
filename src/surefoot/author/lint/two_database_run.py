"""Runs a history over rows in two scratch databases: straight in the first, cut off and elsewhere in the second."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from sqlalchemy.engine import URL

from surefoot.author.forked_call import POSSIBLE
from surefoot.author.kept_templates import KeptTemplates
from surefoot.author.lint.direction_run import DirectionRun
from surefoot.author.lint.history_run import Elsewhere, Outcome, Rerun, Scratch, fault_sentence
from surefoot.author.lint.recording import Recording
from surefoot.author.lint.rerun_rule import commits_early
from surefoot.author.lint.run_at_once import run_at_once
from surefoot.environment.expansion_proof import is_declared
from surefoot.scratch_database import scratch_database
from surefoot.settings import Settings


class TwoDatabaseRun:
    """Two databases that the same revisions are run in; closing `stack` drops them.

    The revisions `before` have run in them. Their tables have sample rows, as far as such can be made. A revision that
    refuses them is run without.
    """

    def __init__(
        self, settings: Settings, url: URL, templates: KeptTemplates, before: Sequence[str], stack: ExitStack
    ) -> None:
        self._settings = settings
        self._url = url
        self._templates = templates
        self._script = templates.script
        self._first_stack = stack.enter_context(ExitStack())
        self._second_stack = stack.enter_context(ExitStack())
        self._done = [*before]
        self._filled = set[str]()
        """The tables that have sample rows."""
        self._first: Scratch | None = None
        self._second: Scratch | None = None
        self._differs = False

    @property
    def here(self) -> Scratch:
        """The first database."""
        assert self._first is not None
        return self._first

    def run_revision(self, revision: str) -> list[DirectionRun]:
        """Run one revision up, down and up again in both databases; return its upgrade and its downgrade.

        Raises the migration's own error where the first upgrade fails without rows, too.
        """
        # the databases can then be made of it once more
        from_template = POSSIBLE and self._first is None and bool(self._done)
        if self._first is None:
            self._begin()
        else:
            self._go_on()
        self._differs = False
        script = self.here.script.get_revision(revision)
        before = self.here.outcome().catalogue if script is not None and is_declared(script) else None
        if from_template:
            assert self._second is not None
            runs = run_at_once(self.here, self._second, revision, before)
            if runs is not None:
                self._done.append(revision)
                return runs
            self._begin()
        up = self._up(revision)
        outcome = self.here.outcome()
        other, rerun = self._run_elsewhere(up, outcome)
        self._done.append(revision)
        return [DirectionRun(up, outcome, rerun, other, before=before), self._down(revision, up)]

    def _begin(self) -> None:
        """Make both databases, at the revisions that have run; their tables have sample rows."""
        if not self._done:
            self._start_anew()
            self._copy_first()
            return
        for stack, elsewhere in ((self._first_stack, False), (self._second_stack, True)):
            stack.close()
            clone = stack.enter_context(self._templates.clone(self._done, purpose="lint", seeded=True))
            self._filled = set(clone.filled)
            made = Scratch(self._settings, clone.url, self._script, elsewhere=elsewhere)
            self._first, self._second = (self._first, made) if elsewhere else (made, None)

    def _go_on(self) -> None:
        """Fill the tables that the last revision made, and let the second database be as the first."""
        filled = self.here.fill()
        self._filled.update(filled)
        if filled or self._differs or self._second is None:
            self._copy_first()
        else:
            self._second.upgrade_through(self._done[-1:])

    def _up(self, revision: str) -> Recording:
        """Run the upgrade; without rows where it refuses those, at last in a database that never had any."""
        for start in (self._without_rows, self._anew):
            try:
                return self.here.step(revision, "upgrade")
            except Exception:
                if not self._filled:
                    raise
                start()
        return self.here.step(revision, "upgrade")

    def _down(self, revision: str, up: Recording) -> DirectionRun:
        """Run the downgrade; again without rows where it fails, for it may refuse those that came since."""
        run = self._down_and_up(revision)
        if run.downgrade_fault and self._filled and run.other is None:  # the second database is still upgraded
            self._without_rows()
            run = self._down_and_up(revision)
        if run.downgrade_fault and self._filled:
            self._anew()
            run = self._down_and_up(revision)
        if run.downgrade_fault:
            self._anew()  # the first database is half downgraded
        return replace(run, recording=replace(run.recording, undone=up))

    def _down_and_up(self, revision: str) -> DirectionRun:
        """Run the downgrade and, unless it fails, the upgrade after it."""
        try:
            down = self.here.step(revision, "downgrade")
        except Exception as fault:
            recording, failed = self.here.recorded(revision, "downgrade"), self.here.failed
            return DirectionRun(
                recording, self.here.outcome(), None, downgrade_fault=fault_sentence(fault), failed_statement=failed
            )
        outcome = self.here.outcome()
        other, rerun = self._run_elsewhere(down, outcome)
        try:
            self.here.upgrade_through([revision])
        except Exception as fault:
            return DirectionRun(down, outcome, rerun, other, downgrade_fault=fault_sentence(fault))
        return DirectionRun(down, outcome, rerun, other)

    def _run_elsewhere(self, recording: Recording, outcome: Outcome) -> tuple[Elsewhere, Rerun | None]:
        """Run the step in the second database; where it commits early, cut it off and run it again."""
        assert self._second is not None
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
        if left is None or left.catalogue != outcome.catalogue:
            self._copy_first()  # so that the next step does not differ for this reason
        return Elsewhere(recorded, None if rerun or left is None else left.catalogue), rerun

    def _copy_first(self) -> None:
        """Replace the second database by a copy of the first: it is not there, or its step made something else."""
        self._second_stack.close()
        self._differs = True
        self._second = self._second_stack.enter_context(self.here.copy(elsewhere=True))

    def _without_rows(self) -> None:
        """Replace the first database by a copy of the second, which is where it was, and delete the sample rows."""
        assert self._second is not None
        self._first_stack.close()
        self._first = self._first_stack.enter_context(self._second.copy(elsewhere=False))
        self.here.empty(self._filled)
        self._copy_first()

    def _anew(self) -> None:
        """Replace both databases by new ones, upgraded to the same revision, whose tables have no sample rows."""
        self._start_anew()
        self._copy_first()

    def _start_anew(self) -> None:
        self._second_stack.close()
        self._first_stack.close()
        self._filled.clear()
        scratch = self._first_stack.enter_context(scratch_database(self._url, purpose="lint"))
        self._first = Scratch(self._settings, scratch, self._script)
        self.here.upgrade_through(self._done)
