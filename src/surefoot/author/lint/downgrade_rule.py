"""Rule on the downgrade: it runs, and the upgrade runs again after it."""

from collections.abc import Iterator

from surefoot.author.lint.lint_findings import Finding, at_function, at_statement
from surefoot.author.lint.recording import Recording, Statement

DOWNGRADE_FAILS = "way-back-fails"

WHY = "Up, down and up again fails here: {fault}. Whoever has to go back stands with half a revision, and no way on."
SAFE = (
    "# downgrade() undoes what upgrade() did, last thing first: it retires what was added, and upgrade() takes it back"
)


def failing_downgrade(recording: Recording, fault: str, failed: Statement | None) -> Iterator[Finding]:
    """Yield a finding for the `fault` of downgrade(), or of the upgrade() after it; none where it is empty."""
    if fault:
        why = WHY.format(fault=fault)
        yield (
            at_statement(recording, failed, DOWNGRADE_FAILS, why, SAFE)
            if failed
            else at_function(recording, DOWNGRADE_FAILS, why, SAFE)
        )
