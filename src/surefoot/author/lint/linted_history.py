"""Lint of revisions: each is run on a scratch database, up and down, and what it did is held to the rules."""

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
from surefoot.author.lint.two_database_run import Seen, TwoDatabaseRun
from surefoot.errors import UsageError
from surefoot.settings import Settings


@dataclass(frozen=True)
class Report:
    """What was looked at, and what was found: ordered as the history is, then by line."""

    revisions: tuple[str, ...]
    statements: int
    version: str
    findings: tuple[Finding, ...]
    unread: int = 0
    """Statements that squawk could not read: only our own rules have looked at them."""


def lint(settings: Settings, url: URL, wanted: Sequence[str] = ()) -> Report:
    """Lint the revisions `wanted` (ids, `head`, ranges `a:b`), or all of them.

    Works in scratch databases beside the one of `url`, which is not touched. Raises UsageError for a revision that is
    not there, and what a migration raises for one that does not run.
    """
    with ExitStack() as stack:
        course = TwoDatabaseRun(settings, url, stack)
        script = course.here.script
        history = [each.revision for each in script.walk_revisions("base", "heads")][::-1]
        chosen = _chosen(script, wanted) if wanted else set(history)
        last = max((number for number, revision in enumerate(history) if revision in chosen), default=-1)
        seen: dict[str, list[Seen]] = {}
        for asked_about, stretch in itertools.groupby(history[: last + 1], key=chosen.__contains__):
            if asked_about:
                seen |= {revision: course.look(revision) for revision in stretch}
            else:
                course.bring(list(stretch))
        version = course.here.version()
    recordings = [each.recording for both in seen.values() for each in both]
    theirs, unread = squawk.findings(recordings, version)
    raw = [*theirs, *(found for both in seen.values() for each in both for found in _own(each))]
    return Report(
        tuple(seen), sum(len(each.statements) for each in recordings), version,
        tuple(found for revision, both in seen.items() for found in _left(revision, both[0].recording.file, raw)),
        unread,
    )  # fmt: skip


def _own(seen: Seen) -> Iterator[Finding]:
    recording = seen.recording
    yield from transaction_rules.validated_at_once(recording)
    yield from transaction_rules.lock_held(recording)
    yield from data_rules.at_once(recording)
    yield from data_rules.loses(recording)
    yield from data_rules.rewrites(recording)
    yield from downgrade_rule.fails(recording, seen.way_back, seen.stumbled)
    branches = list(environment_dependence.branches(recording, seen.outcome, seen.other))
    yield from branches
    # what other surroundings changed is no fault of running twice
    yield from rerun_rule.not_twice(recording, None if branches else seen.outcome, seen.rerun)


def _left(revision: str, file: Path, findings: list[Finding]) -> list[Finding]:
    """What is not acknowledged, each fault of a line once."""
    left = acknowledgements.judge(file, revision, [each for each in findings if each.revision == revision])
    left.sort(key=lambda each: (each.line, each.rule, each.direction))
    groups = [
        list(group) for _, group in itertools.groupby(left, key=lambda each: (each.line, each.rule, each.direction))
    ]
    return [replace(group[0], more=len(group) - 1) for group in groups]


def _chosen(script: ScriptDirectory, wanted: Sequence[str]) -> set[str]:
    chosen: set[str] = set()
    for text in wanted:
        first, separator, last = text.partition(":")
        try:
            if separator:
                chosen |= {each.revision for each in script.walk_revisions(first or "base", last or "heads")}
            else:
                chosen |= {each.revision for each in script.get_revisions(text) if each is not None}
        except CommandError as fault:
            raise UsageError(
                f"There is no revision {text!r}: {str(fault).rstrip('.')}.",
                "python -m alembic history lists them; without an argument lint looks at all.",
            ) from fault
    return chosen
