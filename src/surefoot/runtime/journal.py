"""The journal: what was done to this database, by whom, when, how long it took, and how it ended."""

import datetime as dt
import functools
import getpass
import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

metadata = sa.MetaData()
"""The journal is bookkeeping like `alembic_version`, and no part of what makes databases equal."""

table = sa.Table(
    "migration_journal",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("direction", sa.Text, nullable=False, comment="upgrade, downgrade or stamp"),
    sa.Column(
        "outcome", sa.Text, nullable=False, comment="done, failed, or begun: it commits in parts and has not ended"
    ),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("duration", sa.Interval, nullable=False),
    sa.Column("database_user", sa.Text, nullable=False, server_default=sa.text("session_user")),
    sa.Column("client_host", sa.Text, nullable=False),
    sa.Column("client_user", sa.Text, nullable=False),
    sa.Column("client_pid", sa.Integer, nullable=False),
    sa.Column("package_version", sa.Text, nullable=False),
    sa.Column("file_sha256", sa.Text, comment="of the revision's file as it was run"),
    sa.Column("note", sa.Text, comment="what was overridden, kept or granted, where something was"),
    sa.Column("error", sa.Text),
    sa.Column("statement", sa.Text, comment="the one that failed, without its values"),
    comment="What was done to this database by Alembic: a row for each revision and try",
)


BEGUN, DONE, FAILED = "begun", "done", "failed"
CUT_OFF = "cut off: what it had done is kept"
"""Note of a failed step that had committed a part of its work, where nothing is wrong and it has only to run again."""
STOPPED = "stopped half-way: what it had done is kept"
TOWARDS = "on the way to "
"""Begins what the note of a step that has not ended says of where the whole run was to end."""
"""Note of one that cannot go on before somebody has corrected what the error names."""


@dataclass(frozen=True)
class Entry:
    """One step of one command; `started_at` is the client's clock, aware."""

    revision: str
    direction: str
    started_at: dt.datetime
    file: Path | None = None
    note: str | None = None
    towards: str | None = None
    """The revision at which the whole run ends, where that is not what is newest."""

    def seconds(self) -> float:
        """How long it has been running."""
        return (dt.datetime.now(dt.UTC) - self.started_at).total_seconds()


@dataclass(frozen=True)
class Failure:
    """Why a step failed; `note` is CUT_OFF or STOPPED where a part of its work is there."""

    error: str
    statement: str | None
    note: str | None


def committed_in_part(note: str | None) -> bool:
    """Whether a failed step had committed a part of its work, as its `note` has it."""
    return (note or "").startswith((CUT_OFF, STOPPED))


def ensure(connection: Connection) -> None:
    """Create the journal's table where it is missing."""
    table.create(connection, checkfirst=True)


def begin(connection: Connection, entry: Entry, package_version: str) -> int:
    """Add the row of a step that is about to commit its first part, in that very transaction; returns its id.

    Where nobody ends it, because the client was killed, it stays and tells of that.
    """
    return int(
        connection.execute(
            insert(table).values(_row(entry, package_version, BEGUN) | {"note": _noted(entry)}).returning(table.c.id)
        ).scalar_one()
    )


def write(
    connection: Connection, entry: Entry, package_version: str, begun: int | None = None, failure: Failure | None = None
) -> None:
    """Write down how `entry` ended, as part of whatever transaction `connection` is in (failed for a `failure`).

    `begun` is the row that `begin` made of it.
    """
    values = _row(entry, package_version, DONE if failure is None else FAILED)
    if failure is not None:
        note = "; ".join(filter(None, (failure.note, _noted(entry) if failure.note else entry.note))) or None
        values |= {"error": failure.error, "statement": failure.statement, "note": note}
    if begun is not None and connection.execute(sa.update(table).where(table.c.id == begun).values(values)).rowcount:
        return
    connection.execute(insert(table).values(values))


def _noted(entry: Entry) -> str | None:
    towards = f"{TOWARDS}{entry.towards}" if entry.towards else None
    return "; ".join(filter(None, (entry.note, towards))) or None


def _row(entry: Entry, package_version: str, outcome: str) -> dict[str, Any]:
    return {
        "revision": entry.revision,
        "direction": entry.direction,
        "outcome": outcome,
        "started_at": entry.started_at,
        "duration": dt.timedelta(0) if outcome == BEGUN else dt.datetime.now(dt.UTC) - entry.started_at,
        "client_pid": os.getpid(),
        **_client(),
        "package_version": package_version,
        "file_sha256": hashlib.sha256(entry.file.read_bytes()).hexdigest() if entry.file else None,
        "note": entry.note,
    }


@functools.cache
def _client() -> dict[str, str]:
    """The columns that are the same for the whole process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return {
        "client_host": socket.gethostname(),
        "client_user": user,
    }
