"""What lint found: a rule, a place, the statement, why it hurts, and the safe form to paste."""

from dataclasses import dataclass
from pathlib import Path

from surefoot.author.lint.statement_recorder import Recording, Span, Statement


@dataclass(frozen=True)
class Finding:
    """One fault of one revision. `spans` are the calls that an acknowledgement may stand beside, innermost first."""

    rule: str
    revision: str
    file: Path
    direction: str
    spans: tuple[Span, ...]
    statement: str
    why: str
    safe: str
    more: int = 0
    """How many other statements of the same line have the same fault."""

    @property
    def line(self) -> int:
        """Where the call begins, or the function where the whole of it is meant."""
        return self.spans[0].first


def at(recording: Recording, statement: Statement, rule: str, why: str, safe: str) -> Finding:
    """A finding at one statement."""
    return Finding(
        rule, recording.revision, recording.file, recording.direction, statement.spans, statement.sql, why, safe
    )


def in_general(recording: Recording, rule: str, why: str, safe: str) -> Finding:
    """A finding that no single statement is to blame for: it stands at `def upgrade` or `def downgrade`."""
    lines = recording.file.read_text("utf-8").splitlines()
    start = f"def {recording.direction}("
    number = next((number for number, line in enumerate(lines, 1) if line.startswith(start)), 1)
    return Finding(
        rule, recording.revision, recording.file, recording.direction, (Span(number, number),), "", why, safe
    )
