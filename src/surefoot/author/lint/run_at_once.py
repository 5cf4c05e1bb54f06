"""Runs one revision in both databases at once, in two processes: what goes well there need not be run in turn."""

from dataclasses import dataclass, replace

from surefoot.author.forked_call import ForkedCall
from surefoot.author.lint.direction_run import DirectionRun
from surefoot.author.lint.history_run import Elsewhere, Outcome, Rerun, Scratch
from surefoot.author.lint.recording import Recording
from surefoot.author.lint.rerun_rule import commits_early
from surefoot.catalogue.model import Catalogue


@dataclass(frozen=True)
class _There:
    """One direction in the second database: where it commits early, cut off and run again."""

    recording: Recording
    rerun: Rerun | None
    catalogue: Catalogue

    def beside(self, recording: Recording, outcome: Outcome) -> DirectionRun:
        """Return both runs of the direction as one."""
        other = Elsewhere(self.recording, None if self.rerun else self.catalogue)
        return DirectionRun(recording, outcome, self.rerun, other)

    def agrees_with(self, recording: Recording, outcome: Outcome) -> bool:
        """Return whether the run here committed as early, and made the same catalogue."""
        return commits_early(recording) == (self.rerun is not None) and self.catalogue == outcome.catalogue


def run_at_once(here: Scratch, there: Scratch, revision: str, before: Catalogue | None) -> list[DirectionRun] | None:
    """Run a revision up, down and up here, up and down there; return its upgrade and its downgrade.

    None says that something failed, or was not the same in both: the databases are then anywhere, and only runs one
    after the other tell what it was. `before` is the catalogue in which it begins, where somebody asks for that.
    """
    with ForkedCall(lambda: [_There(*there.step_twice(revision, each)) for each in ("upgrade", "downgrade")]) as beside:
        try:
            up, outcome_up = here.step(revision, "upgrade"), here.outcome()
            down, outcome_down = here.step(revision, "downgrade"), here.outcome()
            here.upgrade_through([revision])
        except Exception:  # whatever the revision raises: it is raised again in a run of its own
            return None
        found = beside.result()
    if found is None:
        return None
    (there_up, there_down) = found
    if not (there_up.agrees_with(up, outcome_up) and there_down.agrees_with(down, outcome_down)):
        return None
    return [
        replace(there_up.beside(up, outcome_up), before=before),
        there_down.beside(replace(down, undone=up), outcome_down),
    ]
