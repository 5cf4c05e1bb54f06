"""Rule on the way back: it runs, and the revision can be run again after it."""

from collections.abc import Iterator

from surefoot.author.lint.lint_findings import Finding, at, in_general
from surefoot.author.lint.statement_recorder import Recording, Statement

FAILS = "way-back-fails"

WHY = "Up, down and up again fails here: {fault}. Whoever has to go back stands with half a revision, and no way on."
SAFE = (
    "# downgrade() undoes what upgrade() did, last thing first: it retires what was added, and upgrade() takes it back"
)


def fails(recording: Recording, fault: str, failed: Statement | None) -> Iterator[Finding]:
    """What failed in downgrade(), or in the upgrade() after it; nothing where `fault` is empty."""
    if fault:
        why = WHY.format(fault=fault)
        yield at(recording, failed, FAILS, why, SAFE) if failed else in_general(recording, FAILS, why, SAFE)
