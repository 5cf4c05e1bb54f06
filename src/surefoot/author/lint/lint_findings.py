"""A finding of lint: its rule, its place, the statement, why it is dangerous, and safe code to paste."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from surefoot.author.lint.span import Span

if TYPE_CHECKING:
    from surefoot.author.lint.recording import Recording, Statement
    from surefoot.author.lint.row_facts import Fact


ERROR, WARNING = "error", "warning"
OVER_BUDGET = "over-budget"
"""The rule that a comment `# budget:` answers, not one `# lint:`."""


@dataclass(frozen=True)
class Finding:
    """One violation of a rule. An acknowledgement may be at any of the calls in `spans`, which are innermost first."""

    rule: str
    revision: str
    file: Path
    direction: str
    spans: tuple[Span, ...]
    statement: str
    why: str
    safe: str
    more: int = 0
    """The number of other statements of the same line that violate the rule as well."""
    level: str = ERROR
    """ERROR, or WARNING: it would do harm in larger tables than the real ones are."""
    estimate: str = ""
    """What it takes in tables as large as the real ones, where that is known: about 40 s at 3,000,000 rows."""

    @property
    def line(self) -> int:
        """The first line of the call, or of the function where no single call is to blame."""
        return self.spans[0].first


@dataclass(frozen=True)
class RevisionFindings:
    """What a revision has before any comment acknowledges it: its statements up and down, and what is found in them.

    `unread` is the number of statements that squawk could not parse.
    """

    revision: str
    statements: int
    unread: int
    of_squawk: tuple[Finding, ...]
    own: tuple[Finding, ...]
    facts: tuple["Fact", ...] = ()
    """What its statements did to rows: without the sizes of real tables."""


def at_statement(recording: "Recording", statement: "Statement", rule: str, why: str, safe: str) -> Finding:
    """Return a finding at one statement."""
    return Finding(
        rule, recording.revision, recording.file, recording.direction, statement.spans, statement.sql, why, safe
    )


def at(recording: "Recording", statement: "Statement | None", rule: str, why: str, safe: str) -> Finding:
    """Return a finding at the statement, at the function where there is none to blame."""
    if statement is None:
        return at_function(recording, rule, why, safe)
    return at_statement(recording, statement, rule, why, safe)


def at_function(recording: "Recording", rule: str, why: str, safe: str) -> Finding:
    """Return a finding that no single statement is to blame for: its line is `def upgrade` or `def downgrade`."""
    lines = recording.file.read_text("utf-8").splitlines()
    start = f"def {recording.direction}("
    number = next((number for number, line in enumerate(lines, 1) if line.startswith(start)), 1)
    return Finding(
        rule, recording.revision, recording.file, recording.direction, (Span(number, number),), "", why, safe
    )
