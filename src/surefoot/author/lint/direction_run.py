"""What the runs of a revision in one direction have shown."""

from dataclasses import dataclass

from surefoot.author.lint.history_run import Elsewhere, Outcome, Rerun
from surefoot.author.lint.recording import Recording, Statement
from surefoot.catalogue.model import Catalogue


@dataclass(frozen=True)
class DirectionRun:
    """One revision in one direction: its run in both databases, and why its downgrade failed, if it did."""

    recording: Recording
    outcome: Outcome
    rerun: Rerun | None
    other: Elsewhere | None = None
    downgrade_fault: str = ""
    failed_statement: Statement | None = None
    before: Catalogue | None = None
    """The catalogue in which the upgrade of a revision began that declares that it only adds; else None."""
