"""`status`: everything an operator asks before and after an upgrade, in one look that changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import sqlalchemy as sa
from alembic.script import Script
from sqlalchemy.engine import URL, Connection

from ourschool.database import explain
from ourschool.errors import OurSchoolError, RefusedError
from ourschool.migrate import cut_off, lock, refusals
from ourschool.migrate.cut_off import CutOff
from ourschool.operate import alembic_here
from ourschool.operate.expected import built, half_way
from ourschool.operate.looking import heads, look
from ourschool.operate.rehearse import kept
from ourschool.operate.status import backups, journal
from ourschool.operate.status.health import UNFINISHED, Ailment, ailments
from ourschool.operate.status.revisions import Line, Pending, line, pending
from ourschool.schema.catalogue import Catalogue
from ourschool.schema.deviations import Difference
from ourschool.schema.difference import compare
from ourschool.schema.snapshot import take
from ourschool.settings import Settings

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
    health: tuple[Ailment, ...]
    backup: backups.LastBackup | None
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
    script = alembic_here.script(settings)
    history = built.history(script)
    with look(url, "ourschool status", PATIENCE) as connection:
        server = str(connection.exec_driver_sql("show server_version").scalar_one()).partition(" ")[0]
        migrating = lock.holder(connection) or lock.holder(connection, lock.WORKER)
        at = heads(connection)
        known = line(script, history, at)
        took = journal.took(connection)
        health = tuple(ailments(connection))
        found, unseen = _seen(connection, url)
        begun, hidden = cut_off.find(connection, script, at), refusals.hides(connection)
    state = _state(at, known, found)
    drift = Drift(unseen=unseen)
    if found is not None and len(at) == 1 and not known.unknown:
        drift = _drift(settings, url, at[0], found, history)
        if drift.difference:
            begun = begun or half_way.seen(script, at, found, lambda one: built.catalogue(settings, url, one, history))
    if begun is not None:  # what it built and did not prove yet is its own affair
        health = tuple(each for each in health if each.kind not in UNFINISHED)
    rehearsed = kept.took(settings, url, known.pending)
    todo = tuple(pending(each, took, rehearsed) for each in known.pending)
    return Status(
        server, state, at, known, todo, drift, migrating, health,
        backups.last_backup(settings.backup_folder, url.database), begun,
        kept.warning(settings, url, at) if todo else None, hidden, found,
    )  # fmt: skip


def _seen(connection: Connection, url: URL) -> tuple[Catalogue | None, str | None]:
    try:
        return take(connection), None
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
        return Drift(compare(built.catalogue(settings, url, revision, history), found))
    except OurSchoolError as fault:
        return Drift(unseen=fault.message)
