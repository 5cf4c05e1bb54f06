"""The guarded upgrade: plan, backup, Alembic's own upgrade, and verification of catalogue and rows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, Connection

from surefoot import maintenance_window
from surefoot.catalogue.compare import compare
from surefoot.catalogue.reader import read_catalogue
from surefoot.environment import alembic_api
from surefoot.errors import AttentionError, FailedError, RefusedError, Stop, SurefootError
from surefoot.maintenance_window import Window
from surefoot.online.change_types import legacy_trigger
from surefoot.operate.backup import Backup, Reason, backup
from surefoot.operate.backup.backup_dump import Say
from surefoot.operate.change import change_detection, quiet_hours, row_counts
from surefoot.operate.change.change_detection import DatabaseState
from surefoot.operate.change.change_preflight import preflight
from surefoot.operate.change.row_counts import RowCounts
from surefoot.operate.pending_names import refuse_taken_names
from surefoot.operate.rehearse import saved_reports
from surefoot.operate.revision_lookup import find_revision
from surefoot.operate.status import journal_report
from surefoot.operate.status.revision_list import PendingRevision, describe_pending, list_revisions
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.revision_catalogues import build
from surefoot.runtime import (
    interrupted_run,
    kept_revisions,
    lost_subscribers,
    ownership,
    preconditions,
    privileges,
    publications,
    stops,
    unbuilt_indexes,
)
from surefoot.runtime.interrupted_run import CutOff
from surefoot.settings import Settings


@dataclass(frozen=True)
class UpgradePlan:
    """What an upgrade to `target` would apply, with warnings about what it will have to wait for."""

    database: str
    at: tuple[str, ...]
    target: str
    pending: tuple[PendingRevision, ...]
    warnings: tuple[str, ...]
    cut_off: CutOff | None = None
    """The revision that was begun and not finished: the upgrade continues it."""
    rehearsal: str | None = None
    """Why the last rehearsal advises against the upgrade; None if it does not, or if there was none."""
    newer: str = ""
    """Where the database is newer than this version and this version can work with it: the sentence that says why."""


@dataclass(frozen=True)
class ChangeResult:
    """The outcome of an upgrade or a rollback: seconds, the backup made before it, and the rows before and after."""

    revision: str
    seconds: float
    backup: Backup | None
    before: RowCounts
    after: RowCounts


def plan_upgrade(settings: Settings, url: URL, target: str = "head", *, with_backup: bool = True) -> UpgradePlan:
    """Return the pending revisions up to `target`, without changing anything.

    Raises everything that the run itself refuses before it changes anything, UsageError for an unknown target, and
    RefusedError if the disk has no room for the backup.
    """
    script = alembic_api.script(settings)
    revision, up_to_target = revisions_up_to(script, target)
    with read_connection(url, f"{program()} upgrade") as connection:
        at, median_seconds = heads(connection), journal_report.median_seconds(connection)
        newer = kept_revisions.read(connection, script, at) if target in {"head", "heads"} else None
        if newer is not None and newer.usable:
            return UpgradePlan(str(url.database), at, revision, (), (), newer=newer.sentence)
        steps = preconditions.steps_to(script, at, target, upward=True, connection=connection)
        preconditions.refuse_run(
            preconditions.RequestedRun(
                connection, script, at, steps, upward=True, subscribers_changed=settings.subscribers_changed
            )
        )
        pending = list_revisions(script, build.history(script), at).pending
        chosen = [each for each in pending if each.revision in up_to_target]
        refuse_taken_names(settings, url, connection, chosen)
        cut_off = interrupted_run.find(connection, script, at)
        if not settings.subscribers_changed:
            _refuse_lost_subscriber(settings, url, connection, at, revision)
        warnings = _role_warnings(connection, table_names_at(settings, url, at))
    rehearsal_seconds = saved_reports.last_durations(settings, url, pending)
    warnings += preflight(settings, url, with_backup=with_backup and bool(pending))
    return UpgradePlan(
        str(url.database), at, revision,
        tuple(describe_pending(each, median_seconds, rehearsal_seconds) for each in chosen),
        tuple(warnings), cut_off, saved_reports.warning(settings, url, at),
    )  # fmt: skip


def table_names_at(settings: Settings, url: URL, at: tuple[str, ...]) -> frozenset[str]:
    """Return the names of the application's tables at the revision `at`; none if `at` is not one known revision."""
    if len(at) != 1:
        return frozenset()
    try:
        return frozenset(table.name for table in build.catalogue(settings, url, at[0]).tables)
    except (SurefootError, KeyError):
        return frozenset()


def _refuse_lost_subscriber(
    settings: Settings, url: URL, connection: Connection, at: tuple[str, ...], target: str
) -> None:
    """Refuse an upgrade that a revision on its way would refuse, because it changes what a published table sends."""
    published = publications.read(connection)
    if not published.tables or len(at) != 1:
        return
    before, after = (
        {each.name: each for each in build.catalogue(settings, url, one).tables} for one in (at[0], target)
    )
    changed = {}
    for name in before.keys() & after.keys():
        was, now = ({column.name: column.type for column in each[name].columns} for each in (before, after))
        differs = sorted(column for column in was.keys() | now.keys() if was.get(column) != now.get(column))
        changed[name] = differs
    lost_subscribers.refuse_pending(published, changed)


def _role_warnings(connection: Connection, names: frozenset[str]) -> list[str]:
    """Warn of roles whose rights cannot follow to new tables.

    Raises RefusedError if this role does not own the tables.
    """
    ownership.refuse_other_owner(connection, names)
    _, without = privileges.privileges_of_others(connection, names)
    return [
        f"Role {role} has rights on some tables and no one right on all of them: it gets none on new ones."
        for role in without
    ]


def revisions_up_to(script: ScriptDirectory, target: str) -> tuple[str, frozenset[str]]:
    """Return the revision that `target` means, and its ancestors including itself.

    Raises UsageError if there is none.
    """
    revision = find_revision(script, target).revision
    return revision, frozenset(each.revision for each in script.iterate_revisions(revision, "base", inclusive=True))


def upgrade(  # noqa: PLR0913  # as many as there are choices
    settings: Settings,
    url: URL,
    chosen: UpgradePlan,
    *,
    with_backup: bool = True,
    say: Say = lambda _: None,
    window: Window | None = None,
) -> ChangeResult:
    """Make a backup, upgrade to the plan's target, then verify catalogue and row counts.

    With a `window` it waits for its hour, and after the backup for quiet; at the end of the window it stops between two
    revisions, and raises FailedError once what is applied is verified. Raises RefusedError where somebody else has
    upgraded the database while it waited, what the backup raises (nothing was changed then), what a migration raises,
    with a restore hint in its remedy, and AttentionError if the upgrade ran but the database is not what it should be.
    """
    with stops.nothing_changed():
        if window is not None:
            maintenance_window.wait_until_open(window, say)
            _refuse_changed(url, chosen)
        with read_connection(url, f"{program()} upgrade") as connection:
            before, drifted = row_counts.count(connection), set(_drift(settings, url, chosen.at))
            if with_backup:
                legacy_trigger.restate(connection)  # no backup can be restored with the trigger as it was
            state = change_detection.read_state(connection)
        saved = backup(settings, url, say=say, reason=Reason("upgrade", chosen.target)) if with_backup else None
        hint = restore_hint(saved)
        if window is not None:
            quiet_hours.wait_until_quiet(url, window, say)
    started = time.perf_counter()
    say(f"Upgrading to {chosen.target}")
    with (
        hinting_at_restore(url, state, hint),
        alembic_api.configured(settings, url, application_name=f"{program()} upgrade", later=True) as config,
    ):
        config.attributes["expected"] = {
            each.revision: each.rehearsed.seconds for each in chosen.pending if each.rehearsed is not None
        }
        if window is not None:
            config.attributes["ends_early"] = lambda: not window.is_open(maintenance_window.now())
        command.upgrade(config, chosen.target)
    seconds = time.perf_counter() - started
    say("Verifying")
    with read_connection(url, f"{program()} upgrade") as connection:
        after, reached = row_counts.count(connection), heads(connection)
    problems = [each for each in _drift(settings, url, reached) if each not in drifted]
    _refuse_problems(reached, [*problems, *row_counts.missing(before, after)], hint)
    _refuse_unfinished(settings, chosen, reached, f"The window {window} has ended", hint)
    return ChangeResult(chosen.target, seconds, saved, before, after)


def _refuse_problems(reached: tuple[str, ...], problems: list[str], hint: str) -> None:
    if problems:
        lines = "".join(f"\n  {each}" for each in problems)
        raise AttentionError(
            f"The upgrade to {' and '.join(reached)} ran to its end, but not all is as it should be:{lines}",
            f"Rows may have been deleted by people who worked meanwhile; look at each line. {hint}",
            Stop(f"Every revision is applied, and the database is at {' and '.join(reached)}.", stops.GOES_ON,
                 stops.whose()),
        )  # fmt: skip


def _refuse_unfinished(settings: Settings, chosen: UpgradePlan, reached: tuple[str, ...], why: str, hint: str) -> None:
    """Raise FailedError where pending revisions are not applied in a database that is at `reached`."""
    script = alembic_api.script(settings)
    applied = {each.revision for each in script.iterate_revisions(reached, "base")} if reached else set()
    done = [each for each in chosen.pending if each.revision in applied]
    if len(done) < len(chosen.pending):
        raise FailedError(
            f"{why}: {len(done)} of {len(chosen.pending)} revisions are applied, and the database is at "
            f"{' and '.join(reached)}.",
            f"Run the same command again: it goes on there. {hint}",
            Stop("What is applied is kept; the others have not begun.", stops.APPLIED_IS_WHOLE, stops.whose()),
        )


def _refuse_changed(url: URL, chosen: UpgradePlan) -> None:
    with read_connection(url, f"{program()} upgrade") as connection:
        at = heads(connection)
    if at != chosen.at:
        raise RefusedError(
            f"While the upgrade waited for its hour, the database went from {' and '.join(chosen.at) or 'no revision'} "
            f"to {' and '.join(at) or 'no revision'}.",
            "Run the same command again, and look at what is pending now; nothing was changed.",
        )


def restore_hint(saved: Backup | None) -> str:
    """Return the sentence that says how to restore the backup from before the change."""
    if saved is None:
        return "No backup was made."
    return f"To go back to where it was: python -m {program()} restore {saved.name}"


@contextmanager
def hinting_at_restore(url: URL, before: DatabaseState, hint: str) -> Iterator[None]:
    """Add `hint` to the remedy of an error in the block if the database is no longer in the state `before`."""
    try:
        yield
    except SurefootError as fault:
        if change_detection.changed(url, before):
            fault.remedy = f"{fault.remedy} {hint}"
            fault.stop = fault.stop or Stop("What is applied is kept.", stops.APPLIED_IS_WHOLE, stops.whose())
        else:
            stops.complete(fault)
        raise


def _drift(settings: Settings, url: URL, at: tuple[str, ...]) -> list[str]:
    """Return the differences between the database and what its one revision makes."""
    if len(at) != 1:
        return []
    expected = build.catalogue(settings, url, at[0])
    with read_connection(url, f"{program()} upgrade") as connection:
        found, unbuilt = read_catalogue(connection), unbuilt_indexes.names(connection)
    return [str(each) for each in compare(expected, unbuilt_indexes.as_if_built(unbuilt, expected, found)).deviations]
