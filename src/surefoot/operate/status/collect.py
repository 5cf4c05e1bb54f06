"""`status`: all that an operator asks before and after an upgrade, in one read that changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import sqlalchemy as sa
from alembic.script import Script, ScriptDirectory
from psycopg import errors
from sqlalchemy.engine import URL, Connection

from surefoot.catalogue import old_names, operators_own
from surefoot.catalogue.compare import compare
from surefoot.catalogue.differences import Difference
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.old_names import OldName
from surefoot.catalogue.reader import read_catalogue
from surefoot.database import explain
from surefoot.environment import alembic_api
from surefoot.errors import RefusedError, SurefootError
from surefoot.operate import retired_items
from surefoot.operate.rehearse import saved_reports
from surefoot.operate.retired_items import KeptItem
from surefoot.operate.status import health as health_checks
from surefoot.operate.status import journal_report, recorded_backups
from surefoot.operate.status.health import UNFINISHED, HealthFinding
from surefoot.operate.status.revision_list import PendingRevision, RevisionList, describe_pending, list_revisions
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.revision_catalogues import between_revisions, build
from surefoot.runtime import (
    interrupted_run,
    kept_revisions,
    migrator_lock,
    preconditions,
    unbuilt_indexes,
    work_queue,
)
from surefoot.runtime.interrupted_run import CutOff
from surefoot.runtime.kept_revisions import Newer
from surefoot.runtime.work_queue import Entry
from surefoot.settings import Settings

LOCK_TIMEOUT_MS = 700
"""The `lock_timeout` of the reading connection in milliseconds. A table that stays locked for longer is reported as
such: for `status` that is an answer, not an error."""


class State(StrEnum):
    """The position of a database relative to the revisions of the project."""

    CURRENT = "current"
    BEHIND = "behind"
    EMPTY = "empty"
    UNVERSIONED = "unversioned"
    """The database has tables but no row in `alembic_version`."""
    NEWER = "newer"
    """The database has revisions for which the project has no file; all of them only add, as its journal tells."""
    UNKNOWN = "unknown"
    """`alembic_version` names a revision for which the project has no file."""
    REDUNDANT = "redundant"
    """`alembic_version` names a revision and an ancestor of it."""


@dataclass(frozen=True)
class Drift:
    """The differences between the database and what its revision makes."""

    difference: Difference = field(default_factory=lambda: Difference(()))
    not_compared: str | None = None
    """Why they could not be computed; None if they were."""


@dataclass(frozen=True)
class Status:
    """Everything that `status` reports about a database."""

    server: str
    state: State
    revision: tuple[str, ...]
    revisions: RevisionList
    pending: tuple[PendingRevision, ...]
    drift: Drift
    migrating: str | None
    """The session that holds the migrator's advisory lock, in words; None if no migration runs."""
    health: tuple[HealthFinding, ...]
    backup: recorded_backups.LastBackup | None
    cut_off: CutOff | None
    """The revision that was begun and is not finished, or that runs now: differences from the catalogue are then its
    work."""
    rehearsal: str | None
    """Why the last rehearsal of the pending revisions advises against the upgrade; None if it does not, or if there was
    none."""
    redundant: RefusedError | None
    """The row of `alembic_version` that is one too many, with the remedy."""
    hidden: RefusedError | None
    """The rows that row security hides from this role, with the remedy: every migration is refused while it hides
    some."""
    own: dict[str, list[str]]
    """What is the operator's own, by kind: storage parameters, owners, publications. No revision judges it."""
    queue: tuple[Entry, ...]
    """What revisions left to be done after the deploy, done or not."""
    worker: str | None
    """The session that works the queue off, in words; None if none does."""
    old_names: tuple[OldName, ...]
    """The old names of tables that were renamed, which are alive until a later revision ends them."""
    catalogue: Catalogue | None
    """The catalogue of the database; None if a table was locked for longer than `LOCK_TIMEOUT_MS`."""
    retired: tuple[KeptItem, ...] = ()
    """What revisions have retired, oldest first."""
    retired_bytes: int = 0
    """The bytes of the tables that hold only that."""
    newer: Newer | None = None
    """What is newer in the database than the project's files; None if nothing is, or its journal does not keep it."""

    @property
    def is_current(self) -> bool:
        """Return whether nothing is pending, nothing has drifted and no revision is unfinished.

        What is newer and only adds may be there as well.
        """
        return self.state in {State.CURRENT, State.NEWER} and not self.drift.difference and self.cut_off is None


@dataclass(frozen=True)
class _Found:
    """The catalogue of the database, and the names of the indexes that are left to be built."""

    catalogue: Catalogue
    unbuilt: frozenset[str]

    def of(self, expected: Catalogue) -> Catalogue:
        """Return the catalogue with what is left to be built as a revision that is `expected` has it."""
        return unbuilt_indexes.as_if_built(self.unbuilt, expected, self.catalogue)


def status(settings: Settings, url: URL) -> Status:
    """Read the status of the database of `url`, without changing it and without making anybody wait.

    The first call for a revision builds its expected catalogue in a scratch database. Raises ConnectFailed if the
    server cannot be reached, and UsageError if the revision files cannot be read.
    """
    script = alembic_api.script(settings)
    history = build.history(script)
    with read_connection(url, f"{program()} status", LOCK_TIMEOUT_MS) as connection:
        server = str(connection.exec_driver_sql("show server_version").scalar_one()).partition(" ")[0]
        migrating = migrator_lock.holder(connection) or migrator_lock.holder(connection, migrator_lock.WORKER)
        at = heads(connection)
        revisions = list_revisions(script, history, at)
        median_seconds = journal_report.median_seconds(connection)
        found, kept = health_checks.look(connection)
        health, own = tuple(found), operators_own.read(connection)
        retired_bytes = retired_items.stored_bytes(connection) if kept else 0
        catalogue, not_compared = _read_catalogue(connection, url)
        queue, worker = work_queue.read(connection), migrator_lock.holder(connection, migrator_lock.QUEUE)
        newer = kept_revisions.read(connection, script, at)
        cut_off = interrupted_run.find(connection, script, at) if newer is None else None
        hidden = preconditions.hidden_rows_error(connection)
    redundant = None if revisions.unknown else _redundant(script, at)
    state = State.REDUNDANT if redundant is not None else _state(at, revisions, catalogue, newer)
    drift = Drift(not_compared=not_compared)
    if catalogue is not None and len(at) == 1 and not revisions.unknown:
        seen = _Found(catalogue, unbuilt_indexes.named_in(queue))
        drift = _drift(settings, url, at[0], seen, history)
        if drift.difference:
            as_built = seen.of(build.catalogue(settings, url, at[0], history))
            cut_off = cut_off or between_revisions.find_unfinished(
                script, at, as_built, lambda one: build.catalogue(settings, url, one, history)
            )
    if cut_off is not None:  # its indexes and constraints are invalid until it has validated them
        health = tuple(each for each in health if each.kind not in UNFINISHED)
    rehearsal_seconds = saved_reports.last_durations(settings, url, revisions.pending)
    todo = tuple(describe_pending(each, median_seconds, rehearsal_seconds) for each in revisions.pending)
    return Status(
        server, state, at, revisions, todo, drift, migrating, health,
        recorded_backups.last_backup(settings.backup_folder, url.database), cut_off,
        saved_reports.warning(settings, url, at) if todo else None, redundant, hidden, own,
        queue, worker, tuple(old_names.find(catalogue)) if catalogue is not None else (), catalogue,
        tuple(kept), retired_bytes, newer,
    )  # fmt: skip


def _read_catalogue(connection: Connection, url: URL) -> tuple[Catalogue | None, str | None]:
    try:
        return read_catalogue(connection), None
    except sa.exc.DBAPIError as fault:
        if isinstance(fault.orig, errors.LockNotAvailable):
            return None, "somebody holds a table"
        raise explain(fault, url) from fault


def _redundant(script: ScriptDirectory, at: tuple[str, ...]) -> RefusedError | None:
    try:
        preconditions.refuse_redundant_head(script, at)
    except RefusedError as fault:
        return fault
    return None


def _state(at: tuple[str, ...], revisions: RevisionList, catalogue: Catalogue | None, newer: Newer | None) -> State:
    if newer is not None and newer.usable:
        return State.NEWER
    if revisions.unknown:
        return State.UNKNOWN
    if not at:
        return State.EMPTY if catalogue is not None and not catalogue.relations else State.UNVERSIONED
    return State.BEHIND if revisions.pending else State.CURRENT


def _drift(settings: Settings, url: URL, revision: str, found: _Found, history: Sequence[Script]) -> Drift:
    """Compare the database with its revision.

    A scratch database that cannot be created is reported in the result, not raised.
    """
    try:
        expected = build.catalogue(settings, url, revision, history)
        return Drift(compare(expected, found.of(expected)))
    except SurefootError as fault:
        return Drift(not_compared=fault.message)
