"""Runs each revision on scratch databases, up and down, and checks what it did against the rules."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack

from sqlalchemy.engine import URL

from surefoot.author import released_models, releases
from surefoot.author.kept_templates import KeptTemplates
from surefoot.author.lint import (
    data_rules,
    downgrade_rule,
    environment_dependence,
    expand_only_rule,
    foreign_key_rules,
    old_name_rules,
    protection_rules,
    release_rule,
    rerun_rule,
    row_work,
    schema_rules,
    source_rules,
    squawk,
    transaction_rules,
)
from surefoot.author.lint.direction_run import DirectionRun
from surefoot.author.lint.lint_findings import Finding, RevisionFindings
from surefoot.author.lint.recording import Recording
from surefoot.author.lint.two_database_run import TwoDatabaseRun
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


def find(
    settings: Settings, url: URL, templates: KeptTemplates, before: Sequence[str], revisions: Sequence[str]
) -> list[RevisionFindings]:
    """Run `revisions`, one after the other, in databases in which those `before` have run; return what each has.

    Raises the migration's own error where an upgrade fails.
    """
    with ExitStack() as stack:
        run = TwoDatabaseRun(settings, url, templates, before, stack)
        runs = [run.run_revision(revision) for revision in revisions]
    recordings = [each.recording for directions in runs for each in directions]
    of_squawk, unread = squawk.findings(recordings, templates.version)
    found, released, models = [], releases.listed(settings), released_models.listed(settings)
    for revision, directions in zip(revisions, runs, strict=True):
        own = [each for direction in directions for each in _own_findings(direction, released)]
        if revision not in released:
            own += [each for run in directions for each in release_rule.taken_from_release(run.recording, models)]
        statements = sum(len(each.recording.statements) for each in directions)
        not_read = sum(count for each, count in zip(recordings, unread, strict=True) if each.revision == revision)
        found.append(
            RevisionFindings(
                revision, statements, not_read,
                tuple(each for each in of_squawk if each.revision == revision), tuple(own),
                tuple(fact for each in directions for fact in row_work.facts(each.recording)),
            )
        )  # fmt: skip
    return found


def _own_findings(run: DirectionRun, released: Collection[str]) -> Iterator[Finding]:
    recording = run.recording
    for rule in RULES:
        yield from rule(recording)
    yield from old_name_rules.ended(recording, released)
    yield from downgrade_rule.failing_downgrade(recording, run.downgrade_fault, run.failed_statement)
    yield from expand_only_rule.more_than_added(recording, run.before, run.outcome.catalogue)
    branches = list(environment_dependence.dependences(recording, run.outcome, run.other))
    yield from branches
    # a difference that the environment made does not come from the second run
    yield from rerun_rule.not_rerunnable(recording, None if branches else run.outcome, run.rerun)
