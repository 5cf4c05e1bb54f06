"""Brings an empty database to the newest released revision at once, by the snapshot that comes with the files.

What it makes is compared with the catalogue of that revision before it is committed. Whatever speaks against it, from
another server to a difference, leaves the database empty, and the revisions run one after the other as ever.
"""

import datetime as dt
import logging
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot import database
from surefoot.catalogue.reader import read_catalogue
from surefoot.environment import snapshot_file
from surefoot.environment.snapshot_file import Snapshot
from surefoot.errors import CheckFailed, SurefootError
from surefoot.revision_heads import heads_of
from surefoot.runtime import error_translation, journal, preconditions
from surefoot.runtime.privileges import NewObjectPrivileges
from surefoot.settings import Settings

log = logging.getLogger("surefoot")

SERVERS = range(15, 19)
"""The major versions of PostgreSQL on which a snapshot was seen to make what the revisions make."""
SCHEMA = "public"
"""The schema in which the tables of a snapshot are; where they are to be in another one, the revisions run."""
SETTINGS = {
    "search_path": "",
    "check_function_bodies": "off",
    "standard_conforming_strings": "on",
    "client_min_messages": "warning",
}
"""What the script relies on, as pg_dump's scripts do."""
MEETS_EVERY_RUN = frozenset({"42501", "25006"})
"""The SQLSTATEs of a right that is missing and of a server that is read-only: the revisions that run then say so."""
STATE = sa.text("""
    with own (catalogue, oid) as (
        select 'pg_class'::regclass, oid from pg_class where relkind <> 't' and not relisshared
         union all
        select 'pg_proc'::regclass, oid from pg_proc
         union all
        select 'pg_type'::regclass, oid from pg_type where typtype in ('d', 'e', 'r') or (typtype = 'b' and typelem = 0)
         union all
        select 'pg_operator'::regclass, oid from pg_operator
         union all
        select 'pg_namespace'::regclass, oid from pg_namespace where nspname !~ '^pg_(toast_)?temp_'
         union all
        select 'pg_publication'::regclass, oid from pg_publication
         union all
        select 'pg_event_trigger'::regclass, oid from pg_event_trigger
    )
    select current_schema() as schema,
           exists (
               select from own
                where oid >= 16384
                  and not exists (
                      select from pg_depend where classid = catalogue and objid = own.oid and deptype in ('e', 'i')
                  )
           ) as taken
""")
"""Whether anything was made in this database that is no part of an extension. From 16384 on oids are not PostgreSQL's.

Indexes count as their tables do; temporary tables, too, which is harmless: then the revisions run.
"""


class _Unsuitable(Exception):
    """The snapshot does not serve here; the text says why, or nothing where nobody would expect it to."""


def begin_at_snapshot(connection: Connection, script: ScriptDirectory, destination: str, settings: Settings,
                      tables: Collection[str]) -> str | None:  # fmt: skip
    """Bring the empty database of `connection` to the revision of the snapshot; return it, None where revisions run.

    `destination` is what the upgrade was asked for: nothing is done where the snapshot's revision is not on the way
    there. `tables` are those of the models, for the privileges of other roles. In a transaction of the caller it
    happens within that, else in one of its own, which is committed. Raises sqlalchemy.exc.DBAPIError where the
    connection is lost.
    """
    folder = Path(script.dir)
    if not (folder / snapshot_file.NAME).exists():
        return None
    with connection.begin_nested() if connection.in_transaction() else connection.begin() as transaction:
        try:
            snapshot = _suitable(connection, script, destination, settings)
            _make(connection, snapshot, settings, tables, folder)
        except sa.exc.DBAPIError as fault:
            if fault.connection_invalidated or database.driver_of(connection).closed:
                raise
            said_by_the_run = getattr(fault.orig, "sqlstate", None) in MEETS_EVERY_RUN
            said = error_translation.primary_message(fault)
            reason = "" if said_by_the_run else f"{snapshot_file.NAME} could not be made here ({said})"
        except CheckFailed as fault:
            reason = fault.message.rstrip(".")
        except _Unsuitable as fault:
            reason = str(fault)
        else:
            return snapshot.revision
        transaction.rollback()
    if reason:
        log.warning("%s, so the revisions run one after the other.", reason)
    return None


def is_whole_way(script: ScriptDirectory, destination: str, revision: str, settings: Settings) -> bool:
    """Return whether an upgrade to `destination` ends at `revision`, as far as that is known without importing files.

    They need not be imported then, however many there are.
    """
    if destination not in {"head", "heads"}:
        return False
    heads = heads_of(Path(script.versions), settings.project.name)
    return heads is not None and [head.revision for head in heads] == [revision]


def _suitable(connection: Connection, script: ScriptDirectory, destination: str, settings: Settings) -> Snapshot:
    """Return the snapshot. Raises _Unsuitable where it does not serve, CheckFailed for a damaged file."""
    folder, state = Path(script.dir), connection.execute(STATE).one()
    if state.taken or state.schema != SCHEMA:
        raise _Unsuitable
    snapshot = snapshot_file.read(folder)
    if snapshot is None or not _is_on_the_way(script, destination, snapshot, settings):
        raise _Unsuitable
    differs = snapshot_file.outdated(snapshot, folder)
    if differs:
        raise _Unsuitable(differs)
    major = database.server_major(connection)
    if major not in SERVERS:
        raise _Unsuitable(f"{snapshot_file.NAME} was not tried on PostgreSQL {major}")
    return snapshot


def _is_on_the_way(script: ScriptDirectory, destination: str, snapshot: Snapshot, settings: Settings) -> bool:
    """Return whether an upgrade from nothing to `destination` comes by the snapshot's revision.

    A destination that Alembic does not know is none: the run that follows says so.
    """
    if destination == "heads" or is_whole_way(script, destination, snapshot.revision, settings):
        return True
    with suppress(SurefootError):
        steps = preconditions.steps_to(script, (), destination, upward=True)
        return any(snapshot.revision in step.to_revisions_no_deps for step in steps)
    return False


def _make(
    connection: Connection, snapshot: Snapshot, settings: Settings, tables: Collection[str], folder: Path
) -> None:
    """Make it, record it and compare it, in the transaction of `connection`."""
    started = dt.datetime.now(dt.UTC)
    rights = NewObjectPrivileges(connection, tables, settings.application_role)
    _run_script(connection, snapshot.script)
    found = read_catalogue(connection).fingerprint
    if found != snapshot.catalogue:
        raise _Unsuitable(f"What {snapshot_file.NAME} makes here is not what revision {snapshot.revision} makes")
    journal.ensure(connection)
    note = f"{journal.FROM_SNAPSHOT}{snapshot.revision}"
    grants = rights.grant_on_new(connection)
    journal.write_at_once(
        connection, snapshot.stands_for, "; ".join([note, *grants]), started, settings.project.version
    )
    journal.keep_expand_only(connection, snapshot_file.expand_only_files(snapshot, folder))
    seconds = (dt.datetime.now(dt.UTC) - started).total_seconds()
    log.info(
        "Running snapshot  -> %s, which stands for %d revisions, took %.2f s",
        snapshot.revision, len(snapshot.stands_for), seconds,
    )  # fmt: skip


def _run_script(connection: Connection, script: str) -> None:
    """Run the script under SETTINGS, and give the transaction its own ones back, in one message to the server."""
    asked = ", ".join(f"current_setting('{name}')" for name in SETTINGS)
    before = database.execute_verbatim(connection, f"select {asked}").one()
    begin, end = _set_for_transaction(SETTINGS), _set_for_transaction(dict(zip(SETTINGS, before, strict=True)))
    database.execute_verbatim(connection, f"{begin}\n{script}\n{end}").close()


def _set_for_transaction(values: dict[str, str]) -> str:
    """Return the statement, which takes a search_path as a list, as SET does not where it is one text."""
    each = sql.SQL("set_config({}, {}, true)")
    calls = [each.format(sql.Literal(name), sql.Literal(value)) for name, value in values.items()]
    return sql.SQL("select {};").format(sql.SQL(", ").join(calls)).as_string()
