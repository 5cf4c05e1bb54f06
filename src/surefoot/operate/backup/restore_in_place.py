"""Restores inside the existing database, for a role that may not create one: everything in one transaction."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import sqlalchemy as sa
from psycopg import errors
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.errors import FailedError, RefusedError
from surefoot.operate.backup import (
    archive,
    backup_contents,
    backup_dump,
    clear_database,
    database_swap,
    dump_programs,
    replay,
    server_facts,
    table_of_contents,
)
from surefoot.operate.backup.clear_database import DatabaseObject
from surefoot.operate.backup.manifest import Reason
from surefoot.operate.backup.manifest_comparison import differences
from surefoot.operate.backup.schema_build import BuildResult
from surefoot.operate.backup.store import Backup
from surefoot.program import program
from surefoot.settings import Settings

ATTRIBUTES = frozenset({"COMMENT", "ACL", "SECURITY LABEL"})
"""Kinds of entries about another object. If that object was kept, they are not needed."""
SUPERUSER_KINDS = frozenset({"EVENT TRIGGER", "FOREIGN DATA WRAPPER", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE",
                        "OPERATOR CLASS", "OPERATOR FAMILY"})  # fmt: skip
"""Kinds of entries that only a superuser may create."""
NOT_IN_PLACE = (
    "Let a superuser drop them first, or give the role CREATEDB; then it is restored beside the old database."
)
UNTRUSTED_EXTENSIONS = sa.text("""
    select name
      from pg_available_extension_versions
     group by name
    having not bool_or(trusted)
""")

SUBSCRIPTIONS = sa.text("""
    select subname::text
      from pg_subscription
     where subdbid = (select oid from pg_database where datname = current_database())
""")


@dataclass(frozen=True)
class Place:
    """The database to restore inside, and how."""

    settings: Settings
    url: URL
    disconnect: bool
    jobs: int
    say: backup_dump.Say


def restore(place: Place, backup: Backup) -> tuple[Backup | None, list[str]]:
    """Back up the present contents, then replace them by `backup`; other sessions see all of it or nothing.

    Returns the backup of the present contents (None if there were none), and in words what could not be restored.
    """
    engine = database.engine_for(
        place.url, application_name=f"{program()} backup", options={"lock_timeout": str(place.settings.lock_timeout)}
    )
    name = server_facts.name_of(place.url)
    with engine.connect() as connection:
        archive.refuse_newer(backup, server_facts.rights(connection).major)
        if not place.disconnect:
            database_swap.require_no_sessions(connection, name)
        connection.rollback()
        present = backup_contents.contents(connection)
    saved = _back_up_first(place, backup) if present.rows else None
    with engine.connect() as connection, database_swap.exclusive(connection, name):
        if place.disconnect:
            server_facts.disconnect(connection, name)
        else:
            database_swap.require_no_sessions(connection, name)
        place.say(f"Restoring inside {name}, in one transaction")
        backup_contents.disable_timeouts(connection)
        before = clear_database.list_objects(connection)
        _clear(connection, before, name)
        options, notes = archive.ownership_options(connection, backup.manifest)
        if archive.NO_PRIVILEGES not in options:
            clear_database.clear_default_privileges(connection)
        binary = dump_programs.program("pg_restore", archive.pg_restore_major(backup.manifest))
        result = replay.replay(connection, binary, backup, options, over_existing=True)
        place.say("Counting its rows and comparing it with the manifest")
        notes += [*_report_others(connection, before, result), *archive.granted_notes(result.granted_by_one)]
        listing = archive.read_listing(backup.dump, archive.pg_restore_major(backup.manifest))
        subscriptions = table_of_contents.subscriptions(listing)
        notes += archive.subscription_notes(subscriptions, connection.execute(SUBSCRIPTIONS).scalars().all())
        faults = list(_differences(connection, backup))
        if faults:
            because = f" Of note: {'; '.join(notes)}" if notes else ""
            others = any(not each.mine for each in before)
            raise FailedError(
                f"What was restored from {backup.name} is not what its manifest says: {'; '.join(faults)}. "
                f"Everything was rolled back.{because}",
                f"Take another backup: {program()} backup list shows what there is."
                + (f" Where another role's objects need what is replaced: {NOT_IN_PLACE}" if others else ""),
            )
        connection.commit()
    return saved, notes


def preview(url: URL, backup: Backup) -> list[str]:
    """Return in words what a restore in place by this role would keep, and what it could not restore."""
    engine = database.engine_for(url, application_name=f"{program()} backup")
    with server_facts.explaining_errors(url), engine.connect() as connection:
        others = [each for each in clear_database.list_objects(connection) if not each.mine]
        untrusted = set(connection.execute(UNTRUSTED_EXTENSIONS).scalars())
        superuser = server_facts.rights(connection).superuser
    present = {_plain(each.name) for each in others}
    binary = dump_programs.program("pg_restore", archive.pg_restore_major(backup.manifest))
    listing = archive.read_listing(backup.dump, archive.pg_restore_major(backup.manifest))
    numbers = table_of_contents.entry_numbers(listing)
    entries = [
        each
        for part in ("pre-data", "post-data")
        for each in table_of_contents.read_section(binary, backup.dump, part, numbers, ())
    ]
    superuser_entries = [
        str(each)
        for each in entries
        if not superuser
        and (each.kind in SUPERUSER_KINDS or (each.kind == "EXTENSION" and each.name in untrusted))
        and each.name not in present
    ]
    notes = []
    if others:
        notes.append(f"Restored in place, these would be left as they are: {_listed(others)}.")
    if superuser_entries:
        notes.append(
            "Restored in place, these would be missing, for only a superuser may make them: "
            f"{server_facts.listed(superuser_entries)}."
        )
    return notes


def _back_up_first(place: Place, wanted: Backup) -> Backup:
    reason = Reason("restore", wanted.name)
    return backup_dump.backup(place.settings, place.url, jobs=place.jobs, say=place.say, reason=reason)


def _clear(connection: Connection, before: list[DatabaseObject], name: str) -> None:
    """Drop everything that the dump contains. Raises RefusedError if a table is in use."""
    try:
        clear_database.clear(connection, before)
    except sa.exc.DBAPIError as fault:
        if not isinstance(fault.orig, errors.LockNotAvailable):
            raise
        connection.rollback()
        sessions = server_facts.list_sessions(connection, name)
        raise RefusedError(
            f"Somebody uses a table of {name}{': ' + server_facts.listed(sessions) if sessions else ''}. Nothing was "
            "changed.",
            "Stop the application and run the same command again, or add --disconnect, which ends its sessions.",
        ) from fault


def _report_others(connection: Connection, before: list[DatabaseObject], result: BuildResult) -> list[str]:
    """Return in words what became of other roles' objects. Raises FailedError if one would be lost."""
    after = {each.key: each for each in clear_database.list_objects(connection)}
    others = [each for each in before if not each.mine]
    lost = [each for each in others if each.key not in after]
    if lost:
        raise FailedError(
            f"It cannot be restored in place: {_listed(lost)} would be lost with what they need. Everything was rolled "
            "back.",
            NOT_IN_PLACE,
        )
    left = [each for each in others if not after[each.key].mine]
    taken = [each for each in others if after[each.key].mine]
    present = {_plain(each.name) for each in left}
    existing = {fault.entry.id for fault in result.existing}
    refused = [
        fault
        for fault in result.roots
        if fault.entry.kind not in ATTRIBUTES and fault.entry.name not in present
        # an object that was kept has its comments and rights still; but a publication has lost the restored table
        if fault.entry.kind.startswith("PUBLICATION ") or not fault.entry.dependencies & existing
    ]
    notes = []
    if left:
        notes.append(f"Left as they are, for they are another role's: {_listed(left)}.")
    if taken:
        notes.append(f"Restored as this role's own: {_listed(taken)}.")
    return notes + [f"Not restored: {fault}." for fault in refused]


def _differences(connection: Connection, backup: Backup) -> Iterator[str]:
    """Yield the differences from the manifest; rows of tables of other roles are not compared."""
    left = {each.name for each in clear_database.list_objects(connection) if not each.mine}
    found = backup_contents.contents(connection)
    expected = {table: rows for table, rows in backup.manifest.rows.items() if table not in left}
    present = {table: rows for table, rows in found.rows.items() if table not in left}
    yield from differences(replace(backup.manifest, rows=expected), replace(found, rows=present))


def _listed(some: list[DatabaseObject]) -> str:
    return server_facts.listed([str(each) for each in some])


def _plain(name: str) -> str:
    """Return the name unquoted, as in a dump's table of contents."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
