"""The journal: what was done to this database, by whom, when, how long it took, and how it ended."""

import datetime as dt
import functools
import getpass
import hashlib
import importlib.metadata
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

metadata = sa.MetaData()
"""Not the school's: the journal is bookkeeping like `alembic_version`, and no part of what makes databases equal."""

table = sa.Table(
    "migration_journal",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("direction", sa.Text, nullable=False, comment="upgrade, downgrade or stamp"),
    sa.Column("outcome", sa.Text, nullable=False, comment="done or failed"),
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


@dataclass(frozen=True)
class Entry:
    """One step of one command; `started_at` is the client's clock, aware."""

    revision: str
    direction: str
    started_at: dt.datetime
    file: Path | None = None
    note: str | None = None

    def seconds(self) -> float:
        """How long it has been running."""
        return (dt.datetime.now(dt.UTC) - self.started_at).total_seconds()


def ensure(connection: Connection) -> None:
    """Create the journal's table where it is missing."""
    table.create(connection, checkfirst=True)


def write(connection: Connection, entry: Entry, *, error: str | None = None, statement: str | None = None) -> None:
    """Add the row of `entry`, as part of whatever transaction `connection` is in; failed where there is an `error`."""
    now = dt.datetime.now(dt.UTC)
    connection.execute(
        insert(table).values(
            revision=entry.revision,
            direction=entry.direction,
            outcome="done" if error is None else "failed",
            started_at=entry.started_at,
            duration=now - entry.started_at,
            client_pid=os.getpid(),
            **_client(),
            file_sha256=hashlib.sha256(entry.file.read_bytes()).hexdigest() if entry.file else None,
            note=entry.note,
            error=error,
            statement=statement,
        )
    )


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
        "package_version": importlib.metadata.version("ourschool"),
    }
