"""Runs each revision on a scratch database, up and down, and checks what it did against the rules."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.engine import URL

from surefoot.author.lint import (
    acknowledgements,
    data_rules,
    downgrade_rule,
    environment_dependence,
    rerun_rule,
    squawk,
    transaction_rules,
)
from surefoot.author.lint.lint_findings import Finding
from surefoot.author.lint.two_database_run import DirectionRun, TwoDatabaseRun
from surefoot.errors import UsageError
from surefoot.program import alembic_command
from surefoot.settings import Settings


@dataclass(frozen=True)
class Report:
    """The revisions that were linted, and their findings: ordered as the history is, then by line."""

    revisions: tuple[str, ...]
    statements: int
    version: str
    findings: tuple[Finding, ...]
    unread: int = 0
    """The number of statements that squawk could not parse: only our own rules have checked them."""


def lint(settings: Settings, url: URL, requested: Sequence[str] = ()) -> Report:
    """Lint the revisions `requested` (ids, `head`, ranges `a:b`), or all of them.

    The revisions run in scratch databases on the server of `url`; its own database is not touched. Raises UsageError
    for an unknown revision, and the migration's own error for one whose upgrade fails.
    """
    with ExitStack() as stack:
        run = TwoDatabaseRun(settings, url, stack)
        script = run.here.script
        history = [each.revision for each in script.walk_revisions("base", "heads")][::-1]
        selected = _selected(script, requested) if requested else set(history)
        last = max((number for number, revision in enumerate(history) if revision in selected), default=-1)
        runs: dict[str, list[DirectionRun]] = {}
        for is_selected, revisions in itertools.groupby(history[: last + 1], key=selected.__contains__):
            if is_selected:
                runs |= {revision: run.run_revision(revision) for revision in revisions}
            else:
                run.upgrade_through(list(revisions))
        version = run.here.version()
    recordings = [each.recording for directions in runs.values() for each in directions]
    of_squawk, unread = squawk.findings(recordings, version)
    own = [found for directions in runs.values() for each in directions for found in _own_findings(each)]
    findings = [
        found
        for revision, directions in runs.items()
        for found in _unacknowledged(revision, directions[0].recording.file, [*of_squawk, *own])
    ]
    return Report(
        tuple(runs), sum(len(each.statements) for each in recordings), version,
        tuple(findings), unread,
    )  # fmt: skip


def _own_findings(run: DirectionRun) -> Iterator[Finding]:
    recording = run.recording
    yield from transaction_rules.validated_at_once(recording)
    yield from transaction_rules.lock_held(recording)
    yield from data_rules.unbatched_changes(recording)
    yield from data_rules.lost_data(recording)
    yield from data_rules.rewritten_tables(recording)
    yield from downgrade_rule.failing_downgrade(recording, run.downgrade_fault, run.failed_statement)
    branches = list(environment_dependence.dependences(recording, run.outcome, run.other))
    yield from branches
    # a difference that the environment made does not come from the second run
    yield from rerun_rule.not_rerunnable(recording, None if branches else run.outcome, run.rerun)


def _unacknowledged(revision: str, file: Path, findings: list[Finding]) -> list[Finding]:
    """Return what no comment acknowledges, each rule once a line and direction."""
    left = acknowledgements.unacknowledged(file, revision, [each for each in findings if each.revision == revision])
    left.sort(key=lambda each: (each.line, each.rule, each.direction))
    groups = [
        list(group) for _, group in itertools.groupby(left, key=lambda each: (each.line, each.rule, each.direction))
    ]
    return [replace(group[0], more=len(group) - 1) for group in groups]


def _selected(script: ScriptDirectory, requested: Sequence[str]) -> set[str]:
    selected: set[str] = set()
    for text in requested:
        first, separator, last = text.partition(":")
        try:
            if separator:
                selected |= {each.revision for each in script.walk_revisions(first or "base", last or "heads")}
            else:
                selected |= {each.revision for each in script.get_revisions(text) if each is not None}
        except CommandError as fault:
            raise UsageError(
                f"There is no revision {text!r}: {str(fault).rstrip('.')}.",
                f"{alembic_command()} history lists them; without an argument lint looks at all.",
            ) from fault
    return selected
