"""A restore: beside the old database, proven against the manifest, and only then swapped in."""

import logging
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot.errors import AttentionError, FailedError, RefusedError, UsageError
from surefoot.operate.backup import (
    archive,
    backup_contents,
    database_settings,
    database_swap,
    restore_in_place,
    restore_ways,
    server_facts,
)
from surefoot.operate.backup.backup_dump import Say, wanted
from surefoot.operate.backup.database_settings import Properties
from surefoot.operate.backup.database_swap import Kind, ReplacedDatabase
from surefoot.operate.backup.manifest_comparison import unequal
from surefoot.operate.backup.restore_ways import Way
from surefoot.operate.backup.store import Backup
from surefoot.operate.backup.verify_backup import verify_files
from surefoot.program import program
from surefoot.settings import Settings

log = logging.getLogger("surefoot")


@dataclass(frozen=True)
class Restored:
    """What a restore did."""

    backup: Backup
    database: str
    """The database that holds the backup now."""
    kept: str | None
    """Under which name the database is kept that was there before; None where there was none, or in place."""
    saved: Backup | None
    """The backup of what was there before, where it was restored in place."""
    notes: tuple[str, ...]
    """What could not be had on this server, in words."""


@dataclass(frozen=True)
class RestoreOptions:
    """How to restore, where the usual way will not do."""

    into: str | None = None
    """A new database beside, of this name; nothing is swapped."""
    inside: bool = False
    """Inside the old database, as a role has to that may not create one."""
    disconnect: bool = False
    """End the sessions of others."""
    jobs: int | None = None
    """Connections of pg_restore."""


USUAL = RestoreOptions()


@dataclass(frozen=True)
class _Task:
    """One restore, as its parts are told of it."""

    url: URL
    backup: Backup
    jobs: int
    say: Say

    @property
    def name(self) -> str:
        return server_facts.name_of(self.url)

    def faults(self, name: str) -> list[str]:
        """In what the database `name` of this server differs from the manifest."""
        self.say(f"Comparing {name} with the manifest")
        made = self.backup.manifest
        found = backup_contents.contents_of(server_facts.at(self.url, name), self.jobs, expected=made.rows)
        return list(unequal(made, found))


def restore(
    settings: Settings, url: URL, backup: Backup, how: RestoreOptions = USUAL, *, say: Say = log.info
) -> Restored:
    """Restore `backup` in the place of the database of `url`, or into a new one of another name on its server.

    The old database serves until the new one has been proven equal to the manifest, and is kept under another name. A
    role that may not create databases restores inside the old one, in one transaction, after a backup of what is
    there. Killed at any point, the old database serves; the same command again clears up and begins anew, or goes on
    from what was proven.

    Raises RefusedError for a damaged backup, one of a newer server, or where others are connected; UsageError where
    there is a database `into`; FailedError where it fails, with nothing changed; AttentionError where `into` differs.
    """
    task = _Task(url, backup, wanted(how.jobs), say)
    say(f"Reading {backup.name}")
    verify_files(backup, task.jobs)
    way = restore_ways.way(url)
    with server_facts.explained(url):
        if how.into is not None:
            return _into(task, how.into, way)
        if how.inside or way.inside:
            place = restore_in_place.Place(settings, url, disconnect=how.disconnect, jobs=task.jobs, say=say)
            saved, notes = restore_in_place.restore(place, backup)
            return Restored(backup, task.name, None, saved, tuple(notes))
        return _beside(task, disconnect=how.disconnect)


def is_inside(url: URL) -> bool:
    """Whether the role has to restore inside the database of `url`, because it may not create or rename one."""
    return restore_ways.way(url).inside


def _beside(task: _Task, *, disconnect: bool) -> Restored:
    backup, name = task.backup, task.name
    with server_facts.beside(task.url) as admin, database_swap.alone(admin, name):
        archive.not_newer(backup, server_facts.rights(admin).major)
        if not disconnect:
            database_swap.nobody_in(admin, name)
        _clear(admin, task)
        notes: list[str] = []
        ready = _proven(admin, task)
        if ready is None:
            ready, notes = _make(admin, task)
        task.say(f"Swapping it in as {name}")
        # the first connection was idle for as long as the restore took
        with server_facts.beside(task.url) as fresh:
            comment = backup.manifest.properties.comment
            kept = database_swap.exchange(fresh, task.url, ready, disconnect=disconnect, comment=comment)
    return Restored(backup, name, kept, None, tuple(notes))


def _clear(admin: Connection, task: _Task) -> None:
    """Drop what killed restores left: no other one runs."""
    for each in database_swap.beside(admin, task.name):
        if each.kind is Kind.RESTORING:
            task.say(f"Dropping {each.name}, left by a restore that was cut off")
            database_swap.drop(admin, each.name)


def _proven(admin: Connection, task: _Task) -> ReplacedDatabase | None:
    """What an earlier run has restored from this very backup and could not swap in; gone if somebody changed it."""
    for each in database_swap.beside(admin, task.name):
        if each.kind is Kind.RESTORED and each.comment == _comment(task.backup):
            task.say(f"Going on with {each.name}, which an earlier run has restored")
            if not task.faults(each.name):
                return each
            database_swap.drop(admin, each.name)
    return None


def _comment(backup: Backup) -> str:
    return f"ourschool: restored from {backup.name} of {backup.manifest.started_at.isoformat()}"


def _make(admin: Connection, task: _Task) -> tuple[ReplacedDatabase, list[str]]:
    """Restore into a new database beside the one of the URL and prove it; dropped where that fails."""
    made = task.backup.manifest
    making = database_swap.free_name(admin, task.name, Kind.RESTORING)
    present = database_settings.read(admin, task.name)
    try:
        notes = _filled(admin, task, making, present or made.properties.elsewhere(server_facts.rights(admin).role))
        faults = task.faults(making)
        if faults:
            raise FailedError(
                f"What was restored from {task.backup.name} is not what its manifest says: {'; '.join(faults)}. "
                f"{task.name} was not touched.",
                "Take another backup, or look at what it makes: "
                f"{program()} restore {task.backup.name} --into {task.name}_look",
            )
        return database_swap.rename(admin, making, Kind.RESTORED, task.name, _comment(task.backup)), notes
    except BaseException:
        _drop_quietly(admin, making)
        raise


def _filled(admin: Connection, task: _Task, name: str, wanted: Properties) -> list[str]:
    """Create the database `name` and restore into it."""
    task.say(f"Restoring into {name} with {task.jobs} job{'s' if task.jobs > 1 else ''}")
    lost = database_settings.create(admin, name, wanted)
    new = server_facts.at(task.url, name)
    return [f"Not restored: {each}." for each in lost] + archive.restore_into(new, task.backup, task.jobs)


def _into(task: _Task, into: str, way: Way) -> Restored:
    """A new database of another name; what differs is kept to be looked at."""
    if not way.may_create:
        raise RefusedError(
            f"The role {way.role!r} may not create the database {into!r}.",
            f"Let a superuser run: alter role {sql.Identifier(way.role).as_string()} createdb; or restore in place, "
            "without --into.",
        )
    with server_facts.beside(task.url) as admin, database_swap.alone(admin, into):
        archive.not_newer(task.backup, server_facts.rights(admin).major)
        if database_settings.read(admin, into) is not None:
            raise UsageError(
                f"There is a database {into!r} already, and --into makes a new one.",
                "Choose another name, or drop that database first.",
            )
        try:
            notes = _filled(admin, task, into, task.backup.manifest.properties.elsewhere(way.role))
        except BaseException:
            _drop_quietly(admin, into)
            raise
        faults = task.faults(into)
    if faults:
        raise AttentionError(
            f"{into} was restored, but is not what the manifest of {task.backup.name} says: {'; '.join(faults)}.",
            f"Look at {into} before you use it; {task.name} was not touched.",
        )
    return Restored(task.backup, into, None, None, tuple(notes))


def _drop_quietly(admin: Connection, name: str) -> None:
    """Drop what is of no use after a fault; the fault is what has to be told, and the next restore clears up."""
    with suppress(sa.exc.DBAPIError):
        database_swap.drop(admin, name)
