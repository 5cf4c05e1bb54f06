"""A restore inside the old database, for a role that may not create one: all of it in one transaction."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import sqlalchemy as sa
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
from surefoot.operate.backup.manifest_comparison import unequal
from surefoot.operate.backup.schema_build import Built
from surefoot.operate.backup.store import Backup
from surefoot.program import program
from surefoot.settings import Settings

SILENT = frozenset({"COMMENT", "ACL", "SECURITY LABEL"})
"""Entries that say something of a thing; of one that was left alone there is nothing to be said."""
SUPERUSERS = frozenset({"EVENT TRIGGER", "FOREIGN DATA WRAPPER", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE",
                        "OPERATOR CLASS", "OPERATOR FAMILY"})  # fmt: skip
"""Kinds of entries that only a superuser may make."""
UNTRUSTED = sa.text("""
    select name
      from pg_available_extension_versions
     group by name
    having not bool_or(trusted)
""")

SUBSCRIBED = sa.text("""
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
    """Back up what is there, then put `backup` in its place; others see the whole of it or nothing.

    Returns the backup of what was there (None where there was nothing) and what could not be had, in words.
    """
    engine = database.engine_for(
        place.url, application_name=f"{program()} backup", options={"lock_timeout": str(place.settings.lock_timeout)}
    )
    name = server_facts.name_of(place.url)
    with engine.connect() as connection:
        archive.not_newer(backup, server_facts.rights(connection).major)
        if not place.disconnect:
            database_swap.nobody_in(connection, name)
        connection.rollback()
        held = backup_contents.contents(connection)
    saved = backup_dump.backup(place.settings, place.url, jobs=place.jobs, say=place.say) if held.rows else None
    with engine.connect() as connection, database_swap.alone(connection, name):
        if place.disconnect:
            server_facts.disconnect(connection, name)
        else:
            database_swap.nobody_in(connection, name)
        place.say(f"Restoring inside {name}, in one transaction")
        backup_contents.unlimited(connection)
        before = clear_database.things(connection)
        _clear(connection, before, name)
        options, notes = archive.left_out(connection, backup.manifest)
        binary = dump_programs.program("pg_restore", archive.reader(backup.manifest))
        built = replay.play(connection, binary, backup, options, over=True)
        place.say("Counting its rows and comparing it with the manifest")
        notes += _settled(connection, before, built)
        pulling = table_of_contents.subscriptions(archive.readable(backup.dump, archive.reader(backup.manifest)))
        notes += archive.not_pulling(pulling, connection.execute(SUBSCRIBED).scalars().all())
        faults = list(_unequal(connection, backup))
        if faults:
            because = f" Of note: {'; '.join(notes)}" if notes else ""
            raise FailedError(
                f"What was restored from {backup.name} is not what its manifest says: {'; '.join(faults)}. "
                f"Everything was rolled back.{because}",
                f"Take another backup: {program()} backup list shows what there is.",
            )
        connection.commit()
    return saved, notes


def outlook(url: URL, backup: Backup) -> list[str]:
    """What a restore in place by this role would leave as it is, and what it could not bring back, in words."""
    engine = database.engine_for(url, application_name=f"{program()} backup")
    with server_facts.explained(url), engine.connect() as connection:
        others = [each for each in clear_database.things(connection) if not each.mine]
        untrusted = set(connection.execute(UNTRUSTED).scalars())
        superuser = server_facts.rights(connection).superuser
    there = {_plain(each.name) for each in others}
    binary = dump_programs.program("pg_restore", archive.reader(backup.manifest))
    listed = table_of_contents.ids(archive.readable(backup.dump, archive.reader(backup.manifest)))
    entries = [
        each
        for part in ("pre-data", "post-data")
        for each in table_of_contents.schema(binary, backup.dump, part, listed, ())
    ]
    barred = [
        str(each)
        for each in entries
        if not superuser
        and (each.kind in SUPERUSERS or (each.kind == "EXTENSION" and each.name in untrusted))
        and each.name not in there
    ]
    notes = []
    if others:
        notes.append(f"Restored in place, these would be left as they are: {_listed(others)}.")
    if barred:
        notes.append(
            "Restored in place, these would be missing, for only a superuser may make them: "
            f"{server_facts.listed(barred)}."
        )
    return notes


def _clear(connection: Connection, before: list[DatabaseObject], name: str) -> None:
    """Take away all that the dump is to bring. Raises RefusedError where a table is in use."""
    try:
        clear_database.clear(connection, before)
    except sa.exc.DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) != "55P03":
            raise
        connection.rollback()
        who = server_facts.connected(connection, name)
        raise RefusedError(
            f"Somebody uses a table of {name}{': ' + server_facts.listed(who) if who else ''}. Nothing was changed.",
            "Stop the application and run the same command again, or add --disconnect, which ends its sessions.",
        ) from fault


def _settled(connection: Connection, before: list[DatabaseObject], built: Built) -> list[str]:
    """What became of other roles' things, in words. Raises FailedError where one would be lost."""
    after = {each.key: each for each in clear_database.things(connection)}
    others = [each for each in before if not each.mine]
    lost = [each for each in others if each.key not in after]
    if lost:
        raise FailedError(
            f"It cannot be restored in place: {_listed(lost)} would be lost with what they need. Everything was rolled "
            "back.",
            "Let a superuser drop them first, or run: alter role … createdb; then it is restored beside the old "
            "database.",
        )
    left = [each for each in others if not after[each.key].mine]
    taken = [each for each in others if after[each.key].mine]
    there = {_plain(each.name) for each in left}
    stood = {fault.entry.id for fault in built.there}
    refused = [
        fault
        for fault in built.roots
        if fault.entry.kind not in SILENT and fault.entry.name not in there
        # what else was said of a thing that was left alone is as it was; but it has lost the new table
        if fault.entry.kind.startswith("PUBLICATION ") or not fault.entry.needs & stood
    ]
    notes = []
    if left:
        notes.append(f"Left as they are, for they are another role's: {_listed(left)}.")
    if taken:
        notes.append(f"Restored as this role's own: {_listed(taken)}.")
    return notes + [f"Not restored: {fault}." for fault in refused]


def _unequal(connection: Connection, backup: Backup) -> Iterator[str]:
    """What differs from the manifest; the rows of another role's tables are its own business."""
    left = {each.name for each in clear_database.things(connection) if not each.mine}
    found = backup_contents.contents(connection)
    wanted = {table: rows for table, rows in backup.manifest.rows.items() if table not in left}
    there = {table: rows for table, rows in found.rows.items() if table not in left}
    yield from unequal(replace(backup.manifest, rows=wanted), replace(found, rows=there))


def _listed(some: list[DatabaseObject]) -> str:
    return server_facts.listed([str(each) for each in some])


def _plain(name: str) -> str:
    """A name without its quotes, as a dump's table of contents has it."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
