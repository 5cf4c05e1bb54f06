"""The guarded upgrade: what is pending, a backup, Alembic's own upgrade, and proof that it did what it should."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from alembic import command
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.engine import URL, Connection

from surefoot.catalogue.compare import compare
from surefoot.catalogue.reader import read_catalogue
from surefoot.environment import alembic_api
from surefoot.errors import AttentionError, SurefootError
from surefoot.online.change_types import legacy_trigger
from surefoot.operate.backup import Backup, backup
from surefoot.operate.change import change_detection, row_counts
from surefoot.operate.change.change_preflight import preflight
from surefoot.operate.change.row_counts import Rows
from surefoot.operate.pending_names import refuse_taken_names
from surefoot.operate.rehearse import saved_reports
from surefoot.operate.status import journal_report
from surefoot.operate.status.revision_list import PendingRevision, describe_pending, list_revisions
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.revision_catalogues import build
from surefoot.runtime import error_translation, interrupted_run, ownership, preconditions, privileges
from surefoot.runtime.interrupted_run import CutOff
from surefoot.settings import Settings

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What an upgrade to `target` would do, and what it will have to wait for."""

    database: str
    at: tuple[str, ...]
    target: str
    pending: tuple[PendingRevision, ...]
    warnings: tuple[str, ...]
    cut_off: CutOff | None = None
    """The revision that was begun and not finished: this upgrade goes on with it."""
    rehearsal: str | None = None
    """Why the last rehearsal speaks against it; None where it does not, or where there is none."""


@dataclass(frozen=True)
class Done:
    """What was done: seconds, the backup made before it, and the rows before and after."""

    revision: str
    seconds: float
    backup: Backup | None
    before: Rows
    after: Rows


def plan(settings: Settings, url: URL, target: str = "head", *, with_backup: bool = True) -> Plan:
    """Look at what is pending up to `target`, and whether anything is in the way; nothing is changed.

    Raises all that the run itself would refuse before it changes anything, UsageError for a target that is not there,
    and RefusedError where a backup would not fit on the disk.
    """
    script = alembic_api.script(settings)
    revision, wanted = reach(script, target)
    with look(url, f"{program()} upgrade") as connection:
        at, median_seconds = heads(connection), journal_report.median_seconds(connection)
        steps = preconditions.steps_to(script, at, target, upward=True)
        preconditions.before_a_run(preconditions.Asked(connection, script, at, steps, upward=True))
        todo = list_revisions(script, build.history(script), at).pending
        refuse_taken_names(settings, url, connection, [each for each in todo if each.revision in wanted])
        begun = interrupted_run.find(connection, script, at)
        warnings = _whose(connection, names_at(settings, url, at))
    rehearsed = saved_reports.took(settings, url, todo)
    warnings += preflight(settings, url, with_backup=with_backup and bool(todo))
    return Plan(
        str(url.database), at, revision,
        tuple(describe_pending(each, median_seconds, rehearsed) for each in todo if each.revision in wanted),
        tuple(warnings), begun, saved_reports.warning(settings, url, at),
    )  # fmt: skip


def names_at(settings: Settings, url: URL, at: tuple[str, ...]) -> frozenset[str]:
    """The names of the application's tables where the database stands; none where nobody can tell."""
    if len(at) != 1:
        return frozenset()
    try:
        return frozenset(table.name for table in build.catalogue(settings, url, at[0]).tables)
    except (SurefootError, KeyError):
        return frozenset()


def _whose(connection: Connection, names: frozenset[str]) -> list[str]:
    """Whose rights cannot follow, each in a sentence. Raises RefusedError where the role is not the owner."""
    ownership.refuse_other_owner(connection, names)
    return [
        f"Role {role} has rights on some tables and no one right on all of them: it gets none on new ones."
        for role in privileges.roles_without_common(connection, names)
    ]


def reach(script: ScriptDirectory, target: str) -> tuple[str, frozenset[str]]:
    """The revision that `target` means, and all that are behind it, itself included. Raises UsageError for none."""
    try:
        found = script.get_revision(target)
        assert found is not None
        behind = script.iterate_revisions(found.revision, "base", inclusive=True)
        return found.revision, frozenset(each.revision for each in behind)
    except CommandError as fault:
        raise error_translation.translate(fault, None) from fault


def upgrade(settings: Settings, url: URL, chosen: Plan, *, with_backup: bool = True, say: Say = lambda _: None) -> Done:
    """Back up, upgrade to the plan's target, and prove catalogue and rows; stops at the first failure.

    Raises what the backup raises (nothing was changed then), what a migration raises, with the way to restore in its
    remedy, and AttentionError where the upgrade ran but the database is not what it should be.
    """
    with read_connection(url, f"{program()} upgrade") as connection:
        before, drifted = row_counts.count(connection), set(_drift(settings, url, chosen.at))
        if with_backup:
            legacy_trigger.restate(connection)  # of what was cut off before no backup could be restored
        stood = change_detection.stand(connection)
    made = backup(settings, url, say=say) if with_backup else None
    back = f"To go back to where it was: python -m {program()} restore {made.name}" if made else "No backup was made."
    started = time.perf_counter()
    say(f"Upgrading to {chosen.target}")
    try:
        with alembic_api.configured(settings, url, application_name=f"{program()} upgrade") as config:
            command.upgrade(config, chosen.target)
    except SurefootError as fault:
        if change_detection.changed(url, stood):
            fault.remedy = f"{fault.remedy} {back}"
        raise
    seconds = time.perf_counter() - started
    say("Verifying")
    with read_connection(url, f"{program()} upgrade") as connection:
        after = row_counts.count(connection)
    wrong = [*(each for each in _drift(settings, url, (chosen.target,)) if each not in drifted)]
    wrong += row_counts.missing(before, after)
    if wrong:
        lines = "".join(f"\n  {each}" for each in wrong)
        raise AttentionError(
            f"The upgrade to {chosen.target} ran to its end, but not all is as it should be:{lines}",
            f"Rows may have been deleted by people who worked meanwhile; look at each line. {back}",
        )
    return Done(chosen.target, seconds, made, before, after)


def _drift(settings: Settings, url: URL, at: tuple[str, ...]) -> list[str]:
    """What sets the database apart from what its one revision makes."""
    if len(at) != 1:
        return []
    expected = build.catalogue(settings, url, at[0])
    with read_connection(url, f"{program()} upgrade") as connection:
        return [str(each) for each in compare(expected, read_catalogue(connection)).deviations]
