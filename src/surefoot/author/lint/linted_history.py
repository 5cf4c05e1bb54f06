"""Runs each revision on a scratch database, up and down, and checks what it did against the rules."""

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.engine import URL

from surefoot.author import releases
from surefoot.author.lint import (
    acknowledgements,
    data_rules,
    downgrade_rule,
    environment_dependence,
    foreign_key_rules,
    old_name_rules,
    protection_rules,
    released_findings,
    rerun_rule,
    schema_rules,
    source_rules,
    squawk,
    transaction_rules,
)
from surefoot.author.lint.lint_findings import Finding
from surefoot.author.lint.recording import Recording
from surefoot.author.lint.two_database_run import DirectionRun, TwoDatabaseRun
from surefoot.errors import UsageError
from surefoot.program import alembic_command
from surefoot.settings import Settings

RULES: tuple[Callable[[Recording], Iterator[Finding]], ...] = (
    transaction_rules.validated_at_once,
    transaction_rules.lock_held,
    transaction_rules.locked_by_hand,
    transaction_rules.waits_under_lock,
    data_rules.unbatched_changes,
    data_rules.loops,
    data_rules.lost_data,
    data_rules.rewritten_tables,
    schema_rules.exclusion_constraints,
    schema_rules.attached_partitions,
    schema_rules.refreshed_views,
    schema_rules.cascades,
    schema_rules.dropped_defaults,
    schema_rules.json_columns,
    foreign_key_rules.foreign_keys,
    protection_rules.settings,
    protection_rules.triggers,
    protection_rules.rights,
    protection_rules.row_security,
    source_rules.imports,
)
"""What finds something in the recording of one revision in one direction."""


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
    released = releases.listed(settings)
    own = [found for directions in runs.values() for each in directions for found in _own_findings(each, released)]
    known = released_findings.acknowledged(settings)
    own = [each for each in own if (each.revision, each.rule) not in known]
    findings = [
        found
        for revision, directions in runs.items()
        for found in _unacknowledged(
            revision, directions[0].recording.file, [*of_squawk, *own], released=revision in released
        )
    ]
    return Report(
        tuple(runs), sum(len(each.statements) for each in recordings), version,
        tuple(findings), unread,
    )  # fmt: skip


def _own_findings(run: DirectionRun, released: Collection[str]) -> Iterator[Finding]:
    recording = run.recording
    for rule in RULES:
        yield from rule(recording)
    yield from old_name_rules.ended(recording, released)
    yield from downgrade_rule.failing_downgrade(recording, run.downgrade_fault, run.failed_statement)
    branches = list(environment_dependence.dependences(recording, run.outcome, run.other))
    yield from branches
    # a difference that the environment made does not come from the second run
    yield from rerun_rule.not_rerunnable(recording, None if branches else run.outcome, run.rerun)


def _unacknowledged(revision: str, file: Path, findings: list[Finding], *, released: bool) -> list[Finding]:
    """Return what no comment acknowledges, each rule once a line and direction."""
    own = [each for each in findings if each.revision == revision]
    left = acknowledgements.unacknowledged(file, revision, own, released=released)
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
