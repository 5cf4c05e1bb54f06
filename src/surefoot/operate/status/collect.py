"""`status`: everything an operator asks before and after an upgrade, in one look that changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import sqlalchemy as sa
from alembic.script import Script
from sqlalchemy.engine import URL, Connection

from surefoot.catalogue.compare import compare
from surefoot.catalogue.differences import Difference
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.database import explain
from surefoot.environment import alembic_api
from surefoot.errors import RefusedError, SurefootError
from surefoot.operate.rehearse import saved_reports
from surefoot.operate.status import journal_report, recorded_backups
from surefoot.operate.status.health import UNFINISHED, HealthFinding, ailments
from surefoot.operate.status.revision_list import Line, Pending, line, pending
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.revision_catalogues import between_revisions, build
from surefoot.runtime import interrupted_run, migrator_lock, preconditions
from surefoot.runtime.interrupted_run import CutOff
from surefoot.settings import Settings

PATIENCE = 700
"""How long (ms) to queue for a table that somebody holds: that one cannot be looked at is an answer, too."""


class State(StrEnum):
    """Where a database is, seen from the files."""

    CURRENT = "current"
    BEHIND = "behind"
    EMPTY = "empty"
    UNVERSIONED = "unversioned"
    """It has tables that Alembic knows nothing of."""
    UNKNOWN = "unknown"
    """It is at a revision that no file has."""


@dataclass(frozen=True)
class Drift:
    """What sets the database apart from its own revision; `unseen` says why nobody could look."""

    difference: Difference = field(default_factory=lambda: Difference(()))
    unseen: str | None = None


@dataclass(frozen=True)
class Status:
    """How a database stands."""

    server: str
    state: State
    revision: tuple[str, ...]
    line: Line
    pending: tuple[Pending, ...]
    drift: Drift
    migrating: str | None
    health: tuple[HealthFinding, ...]
    backup: recorded_backups.LastBackup | None
    cut_off: CutOff | None
    """The revision that was begun and not finished, or that runs now: what differs meanwhile is its work."""
    rehearsal: str | None
    """Why the last rehearsal of what is pending speaks against it; None where it does not, or where there is none."""
    hidden: RefusedError | None
    """What row security hides from this role, and what to do about it: every change is refused until then."""
    catalogue: Catalogue | None
    """What the database is; None where somebody held a table for too long."""

    @property
    def well(self) -> bool:
        """Whether nothing is pending and nothing has drifted."""
        return self.state is State.CURRENT and not self.drift.difference and self.cut_off is None


def status(settings: Settings, url: URL) -> Status:
    """Look at the database of `url`; nothing is changed, and nobody has to wait.

    What the database should be at its revision is built in a scratch database, the first time. Raises ConnectFailed,
    and UsageError for files that cannot be read.
    """
    script = alembic_api.script(settings)
    history = build.history(script)
    with read_connection(url, f"{program()} status", PATIENCE) as connection:
        server = str(connection.exec_driver_sql("show server_version").scalar_one()).partition(" ")[0]
        migrating = migrator_lock.holder(connection) or migrator_lock.holder(connection, migrator_lock.WORKER)
        at = heads(connection)
        known = line(script, history, at)
        took = journal_report.took(connection)
        health = tuple(ailments(connection))
        found, unseen = _seen(connection, url)
        begun, hidden = interrupted_run.find(connection, script, at), preconditions.hidden_rows_error(connection)
    state = _state(at, known, found)
    drift = Drift(unseen=unseen)
    if found is not None and len(at) == 1 and not known.unknown:
        drift = _drift(settings, url, at[0], found, history)
        if drift.difference:
            begun = begun or between_revisions.find_unfinished(
                script, at, found, lambda one: build.catalogue(settings, url, one, history)
            )
    if begun is not None:  # what it built and did not prove yet is its own affair
        health = tuple(each for each in health if each.kind not in UNFINISHED)
    rehearsed = saved_reports.took(settings, url, known.pending)
    todo = tuple(pending(each, took, rehearsed) for each in known.pending)
    return Status(
        server, state, at, known, todo, drift, migrating, health,
        recorded_backups.last_backup(settings.backup_folder, url.database), begun,
        saved_reports.warning(settings, url, at) if todo else None, hidden, found,
    )  # fmt: skip


def _seen(connection: Connection, url: URL) -> tuple[Catalogue | None, str | None]:
    try:
        return read_catalogue(connection), None
    except sa.exc.DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) == "55P03":
            return None, "somebody holds a table"
        raise explain(fault, url) from fault


def _state(at: tuple[str, ...], known: Line, found: Catalogue | None) -> State:
    if known.unknown:
        return State.UNKNOWN
    if not at:
        return State.EMPTY if found is not None and not found.relations else State.UNVERSIONED
    return State.BEHIND if known.pending else State.CURRENT


def _drift(settings: Settings, url: URL, revision: str, found: Catalogue, history: Sequence[Script]) -> Drift:
    """A database is looked at all the same where there is no room to build its like."""
    try:
        return Drift(compare(build.catalogue(settings, url, revision, history), found))
    except SurefootError as fault:
        return Drift(unseen=fault.message)
