"""The journal: table `migration_journal` has a row for each step and try, with its outcome, duration and client."""

import datetime as dt
import functools
import getpass
import hashlib
import logging
import os
import socket
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.engine import Connection
from sqlalchemy.schema import SetColumnComment

from surefoot import database
from surefoot.servers import encodings

log = logging.getLogger("surefoot")

metadata = sa.MetaData()
"""Of its own, because the journal is not compared, as alembic_version is not."""

table = sa.Table(
    "migration_journal",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("direction", sa.Text, nullable=False, comment="upgrade, downgrade or stamp; else the command"),
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
    sa.Column("file", sa.LargeBinary, comment="the revision's file as it was run upwards, compressed by zlib"),
    sa.Column("expand_only", sa.Boolean, comment="whether it only adds: its file says so, and the run has proved it"),
    sa.Column("takes_away", sa.Text, comment="what a revision takes away that says it only adds"),
    comment="What was done to this database by Alembic: a row for each revision and try",
)

KEPT = ("file", "expand_only", "takes_away")
"""The columns that came later: a journal that an earlier version made lacks them until `keep_files` adds them."""
LACKS_KEPT = sa.text("""
    select exists (select from pg_publication_tables where schemaname = nspname and tablename = relname) as published
      from pg_class
      join pg_namespace on pg_namespace.oid = relnamespace
     where pg_class.oid = to_regclass('migration_journal')
       and (select count(*) from pg_attribute where attrelid = pg_class.oid and attname = any (:kept)) < :all
""")
OBSTACLES = {"55P03": "is in use", "42501": "belongs to another role"}
"""By SQLSTATE, why a journal stays as it is."""
BEGUN, DONE, FAILED = "begun", "done", "failed"
CUT_OFF = "cut off: what it had done is kept"
"""The note of a failed step that had committed a part of its work and only has to run again."""
STOPPED = "stopped half-way: what it had done is kept"
"""The note of a failed step that had committed a part, and cannot continue before the error is corrected."""
FROM_SNAPSHOT = "from the snapshot of "
"""Begins the note of each revision that a snapshot stands for, before the revision at which that was taken."""
NONE = "-"
"""In place of the revision, in the row of a command that ran none."""
TOWARDS = "on the way to "
"""Precedes the target revision of the run in the note of an unfinished step."""


@dataclass(frozen=True)
class Entry:
    """One step of one command. `started_at` is aware, from the clock of the client."""

    revision: str
    direction: str
    started_at: dt.datetime
    file: Path | None = None
    note: str | None = None
    towards: str | None = None
    """The target revision of an upgrade that does not go to head."""
    expand_only: bool = False
    """Whether the revision says that it only adds, and the run has proved it."""
    takes_away: str | None = None
    """What it takes away although it says that."""
    keeps_file: bool = False
    """Whether the row of an upgrade that is done has the file, and these two; see `keep_files`."""

    def seconds(self) -> float:
        """Return how long the step has been running, in seconds."""
        return (dt.datetime.now(dt.UTC) - self.started_at).total_seconds()


@dataclass(frozen=True)
class Failure:
    """Why a step failed. `note` is CUT_OFF or STOPPED where a part of its work is committed."""

    error: str
    statement: str | None
    note: str | None


def committed_in_part(note: str | None) -> bool:
    """Return whether a failed step had committed a part of its work, by its `note`."""
    return (note or "").startswith((CUT_OFF, STOPPED))


def ensure(connection: Connection) -> None:
    """Create the table where it is missing."""
    table.create(connection, checkfirst=True)


def keep_files(connection: Connection) -> bool:
    """Return whether the journal can keep the files of revisions; one of an earlier version gets the columns for it.

    It stays as it is, and no upgrade waits or fails for that, where somebody uses it, as a backup does, where a
    subscriber would stop at a column that it lacks, and where it belongs to another role.
    """
    lacking = connection.execute(LACKS_KEPT, {"kept": list(KEPT), "all": len(KEPT)}).first()
    if lacking is None:
        return True
    if lacking.published:
        return False
    columns = ", ".join(
        f"add column if not exists {name} {table.c[name].type.compile(connection.dialect)}" for name in KEPT
    )
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"alter table {table.name} {columns}")
            for name in KEPT:
                connection.execute(SetColumnComment(table.c[name]))
    except sa.exc.DBAPIError as fault:
        why = OBSTACLES.get(getattr(fault.orig, "sqlstate", None) or "")
        if why is None:
            raise
        log.warning("%s %s, so the file of this revision is not kept in it.", table.name, why)
        return False
    return True


def begin(connection: Connection, entry: Entry, package_version: str) -> int:
    """Insert the row of a step that is about to commit its first part, in that transaction; return its id.

    The row stays `begun` where the client is killed, by which the unfinished step is found.
    """
    return int(
        connection.execute(
            insert(table)
            .values(_writable(connection, _row(entry, package_version, BEGUN) | {"note": _note_with_target(entry)}))
            .returning(table.c.id)
        ).scalar_one()
    )


def write(
    connection: Connection, entry: Entry, package_version: str, begun: int | None = None, failure: Failure | None = None
) -> None:
    """Record how `entry` ended, in the transaction of `connection`: failed with a `failure`, done without.

    `begun` is the id that `begin` returned for it, whose row is updated.
    """
    values = _row(entry, package_version, DONE if failure is None else FAILED)
    if entry.keeps_file and failure is None and entry.direction == "upgrade" and entry.file is not None:
        values |= {
            "file": zlib.compress(entry.file.read_bytes(), 9),
            "expand_only": entry.expand_only,
            "takes_away": entry.takes_away,
        }
    if failure is not None:
        note = "; ".join(filter(None, (failure.note, _note_with_target(entry) if failure.note else entry.note))) or None
        values |= {"error": failure.error, "statement": failure.statement, "note": note}
    values = _writable(connection, values)
    if begun is not None and connection.execute(sa.update(table).where(table.c.id == begun).values(values)).rowcount:
        return
    connection.execute(insert(table).values(values))


def write_at_once(
    connection: Connection, revisions: Mapping[str, str], note: str, started_at: dt.datetime, package_version: str
) -> None:
    """Record that `revisions`, each with the SHA-256 of its file, were done in one go, which `note` names.

    Together they have lasted from `started_at` to now, of which the last one's row has the whole.
    """
    values = _row(Entry("", "upgrade", started_at, note=note), package_version, DONE)
    names = [name for name in values if name not in {"revision", "file_sha256", "duration"}]
    seconds = values["duration"]
    rows = (
        sa.func.unnest(sa.cast(list(revisions), ARRAY(sa.Text)), sa.cast(list(revisions.values()), ARRAY(sa.Text)))
        .table_valued("revision", "file_sha256", with_ordinality="nth", name="done")
        .render_derived()
    )
    lasted = sa.case((rows.c.nth == len(revisions), sa.literal(seconds, sa.Interval)), else_=dt.timedelta(0))
    written = _writable(connection, {name: values[name] for name in names})
    columns = [sa.literal(written[name], table.c[name].type) for name in names]
    query = sa.select(rows.c.revision, rows.c.file_sha256, lasted, *columns).order_by(rows.c.nth)
    connection.execute(insert(table).from_select(["revision", "file_sha256", "duration", *names], query))


def keep_expand_only(connection: Connection, files: Mapping[str, bytes]) -> None:
    """Add to the rows of a new journal the `files` of those revisions that only add, each by its revision.

    Of the others nothing is kept: an older version cannot work with a database that has one.
    """
    if files and keep_files(connection):
        given = [{"named": name, "source": zlib.compress(text, 9)} for name, text in files.items()]
        row = sa.update(table).where(table.c.revision == sa.bindparam("named"))
        connection.execute(row.values(file=sa.bindparam("source"), expand_only=True), given)


def record(connection: Connection, action: str, note: str, started_at: dt.datetime, package_version: str) -> None:
    """Record in the transaction of `connection` what a command did that ran no revision: purge, give back.

    It stands under the revision NONE, so that no step is taken for done because of it.
    """
    ensure(connection)
    write(connection, Entry(NONE, action, started_at, note=note), package_version)


def _writable(connection: Connection, values: dict[str, Any]) -> dict[str, Any]:
    """Return the row as the database can hold it: its encoding may lack a character of the statement that failed."""
    driver = database.driver_of(connection)
    return {
        name: encodings.writable(driver, value) if isinstance(value, str) else value for name, value in values.items()
    }


def _note_with_target(entry: Entry) -> str | None:
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
    """Return the columns that are the same for the whole process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # the user of a container may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return {
        "client_host": socket.gethostname(),
        "client_user": user,
    }
