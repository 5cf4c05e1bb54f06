"""Restores a backup beside the old database, compares it with the manifest, and only then swaps it in."""

import logging
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot.errors import AttentionError, FailedError, RefusedError, Stop, UsageError
from surefoot.operate.backup import (
    archive,
    backup_contents,
    database_settings,
    database_swap,
    replaced_databases,
    restore_in_place,
    restore_rights,
    server_facts,
)
from surefoot.operate.backup.backup_dump import Say, job_count
from surefoot.operate.backup.database_settings import Properties
from surefoot.operate.backup.manifest_comparison import differences
from surefoot.operate.backup.replaced_databases import Kind, ReplacedDatabase
from surefoot.operate.backup.restore_rights import RestoreRights
from surefoot.operate.backup.store import Backup
from surefoot.operate.backup.verify_backup import verify_files
from surefoot.program import program
from surefoot.runtime import stops
from surefoot.settings import Settings

log = logging.getLogger("surefoot")


@dataclass(frozen=True)
class Restored:
    """The result of a restore."""

    backup: Backup
    database: str
    """The database that contains the backup now."""
    kept: str | None
    """The name under which the previous database is kept; None if there was none, or after a restore in place."""
    saved: Backup | None
    """The backup of the previous contents, if it was restored in place."""
    notes: tuple[str, ...]
    """In words what could not be restored on this server."""


@dataclass(frozen=True)
class RestoreOptions:
    """How to restore, if not in the default way."""

    into: str | None = None
    """The name of a new database to restore into; nothing is swapped then."""
    inside: bool = False
    """Restore inside the existing database, as a role has to that may not create one."""
    disconnect: bool = False
    """End the sessions of others."""
    jobs: int | None = None
    """The number of connections of pg_restore."""


DEFAULT_OPTIONS = RestoreOptions()


@dataclass(frozen=True)
class _Task:
    """One restore, as passed between the functions."""

    url: URL
    backup: Backup
    jobs: int
    say: Say

    @property
    def name(self) -> str:
        return server_facts.name_of(self.url)

    def faults(self, name: str) -> list[str]:
        """Return the differences between the database `name` on this server and the manifest."""
        self.say(f"Comparing {name} with the manifest")
        manifest = self.backup.manifest
        contents = backup_contents.contents_of(server_facts.url_for(self.url, name), self.jobs, expected=manifest.rows)
        return list(differences(manifest, contents))


def restore(
    settings: Settings, url: URL, backup: Backup, options: RestoreOptions = DEFAULT_OPTIONS, *, say: Say = log.info
) -> Restored:
    """Restore `backup` in the place of the database of `url`, or into a new database on its server.

    The old database stays in use until the new one was compared with the manifest, and is kept under another name. A
    role that may not create databases restores inside the old one, in one transaction, after a backup of its contents.
    If the restore is killed, the old database stays in use; the same command again drops what is left and begins again,
    or continues with what was proven.

    Raises RefusedError for a damaged backup, for one of a newer server, or if others are connected; UsageError if the
    database `into` exists; FailedError if it fails, with nothing changed; AttentionError if `into` differs from the
    manifest.
    """
    task = _Task(url, backup, job_count(options.jobs), say)
    say(f"Reading {backup.name}")
    verify_files(backup, task.jobs)
    rights = restore_rights.read(url)
    with server_facts.explaining_errors(url):
        if options.into is not None:
            return _into(task, options.into, rights)
        if options.inside or rights.inside:
            place = restore_in_place.Place(settings, url, disconnect=options.disconnect, jobs=task.jobs, say=say)
            saved, notes = restore_in_place.restore(place, backup)
            return Restored(backup, task.name, None, saved, tuple(notes))
        return _replace(task, disconnect=options.disconnect)


def is_inside(url: URL) -> bool:
    """Return whether the role has to restore inside the database of `url`, because it may not create or rename one."""
    return restore_rights.read(url).inside


def _replace(task: _Task, *, disconnect: bool) -> Restored:
    backup, name = task.backup, task.name
    with server_facts.connection_beside(task.url) as admin, database_swap.exclusive(admin, name):
        archive.refuse_newer(backup, server_facts.rights(admin).major)
        if not disconnect:
            database_swap.require_no_sessions(admin, name)
        _drop_leftovers(admin, task)
        notes: list[str] = []
        ready = _find_restored(admin, task)
        if ready is None:
            ready, notes = _restore_new(admin, task)
        task.say(f"Swapping it in as {name}")
        # a new connection, because the first one was idle for the whole restore and may have been closed
        with server_facts.connection_beside(task.url) as fresh:
            comment = backup.manifest.properties.comment
            kept = database_swap.exchange(fresh, task.url, ready, disconnect=disconnect, comment=comment)
    return Restored(backup, name, kept, None, tuple(notes))


def _drop_leftovers(admin: Connection, task: _Task) -> None:
    """Drop what killed restores left. No other restore runs, because this one holds the lock."""
    for each in replaced_databases.list_replaced_with(admin, task.name):
        if each.kind is Kind.RESTORING:
            task.say(f"Dropping {each.name}, left by a restore that was cut off")
            database_swap.drop(admin, each.name)


def _find_restored(admin: Connection, task: _Task) -> ReplacedDatabase | None:
    """Return the database that an earlier run restored from this backup and could not swap in.

    It is dropped if it was changed since.
    """
    for each in replaced_databases.list_replaced_with(admin, task.name):
        if each.kind is Kind.RESTORED and each.comment == _comment(task.backup):
            task.say(f"Going on with {each.name}, which an earlier run has restored")
            if not task.faults(each.name):
                server_facts.disconnect(admin, each.name)
                return each
            database_swap.drop(admin, each.name)
    return None


def _comment(backup: Backup) -> str:
    return f"ourschool: restored from {backup.name} of {backup.manifest.started_at.isoformat()}"


def _restore_new(admin: Connection, task: _Task) -> tuple[ReplacedDatabase, list[str]]:
    """Restore into a new database beside the one of the URL and compare it with the manifest; drop it if that fails."""
    manifest = task.backup.manifest
    name = replaced_databases.free_name(admin, task.name, Kind.RESTORING)
    present = database_settings.read(admin, task.name)
    try:
        notes = _create_and_restore(
            admin, task, name, present or manifest.properties.elsewhere(server_facts.rights(admin).role)
        )
        faults = task.faults(name)
        if faults:
            raise FailedError(
                f"What was restored from {task.backup.name} is not what its manifest says: {'; '.join(faults)}. "
                f"{task.name} was not touched.",
                "Take another backup, or look at what it makes: "
                f"{program()} restore {task.backup.name} --into {task.name}_look",
            )
        server_facts.disconnect(admin, name)  # our own sessions, which a pooler keeps open after we have left
        return replaced_databases.rename(admin, name, Kind.RESTORED, task.name, _comment(task.backup)), notes
    except BaseException:
        _drop_quietly(admin, name)
        raise


def _create_and_restore(admin: Connection, task: _Task, name: str, properties: Properties) -> list[str]:
    """Create the database `name` and restore into it; return notes on what could not be restored."""
    task.say(f"Restoring into {name} with {task.jobs} job{'s' if task.jobs > 1 else ''}")
    unavailable = database_settings.create(admin, name, properties)
    new = server_facts.url_for(task.url, name)
    return [f"Not restored: {each}." for each in unavailable] + archive.restore_into(new, task.backup, task.jobs)


def _into(task: _Task, into: str, rights: RestoreRights) -> Restored:
    """Restore into a new database of another name; it is kept even if it differs, to be inspected."""
    if not rights.may_create:
        raise RefusedError(
            f"The role {rights.role!r} may not create the database {into!r}.",
            f"Let a superuser run: alter role {sql.Identifier(rights.role).as_string()} createdb; or restore in place, "
            "without --into.",
        )
    with server_facts.connection_beside(task.url) as admin, database_swap.exclusive(admin, into):
        archive.refuse_newer(task.backup, server_facts.rights(admin).major)
        if database_settings.read(admin, into) is not None:
            raise UsageError(
                f"There is a database {into!r} already, and --into makes a new one.",
                "Choose another name, or drop that database first.",
            )
        try:
            notes = _create_and_restore(admin, task, into, task.backup.manifest.properties.elsewhere(rights.role))
        except BaseException:
            _drop_quietly(admin, into)
            raise
        faults = task.faults(into)
    if faults:
        raise AttentionError(
            f"{into} was restored, but is not what the manifest of {task.backup.name} says: {'; '.join(faults)}.",
            f"Look at {into} before you use it; {task.name} was not touched.",
            Stop(f"{task.name} was not touched; {into} is beside it.", stops.GOES_ON, stops.whose()),
        )
    return Restored(task.backup, into, None, None, tuple(notes))


def _drop_quietly(admin: Connection, name: str) -> None:
    """Drop what is useless after a failure. An error here would hide the first one, and the next restore clears up."""
    with suppress(sa.exc.DBAPIError):
        database_swap.drop(admin, name)
