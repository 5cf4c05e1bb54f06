"""What the copy is made from: the last backup where it is of this database as it stands, else a fresh dump."""

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy.engine import URL, Connection

from surefoot.errors import SurefootError, UsageError
from surefoot.operate.backup import Backup, backup, find, latest, verify_files
from surefoot.operate.backup.backup_contents import revision
from surefoot.operate.backup.backup_dump import Say
from surefoot.operate.backup.server_facts import name_of, place_of
from surefoot.operate.backup.store import PARTIAL, prepare
from surefoot.operate.change.change_preflight import room
from surefoot.operate.rehearse.rehearsal_result import Source
from surefoot.settings import Settings


@dataclass(frozen=True)
class Asked:
    """How far, and from what: a backup by name, a fresh dump, or what is best."""

    target: str = "head"
    backup: str | None = None
    fresh: bool = False


@contextmanager
def chosen(
    settings: Settings, url: URL, connection: Connection, asked: Asked, say: Say
) -> Iterator[tuple[Backup, Source]]:
    """The backup to restore; `connection` is to the database that is rehearsed for.

    A fresh dump is deleted at the end, and what a killed rehearsal left of one before. Raises UsageError where there is
    no such backup, RefusedError for a damaged one or where the disk has no room for a dump.
    """
    if asked.backup is not None and asked.fresh:
        raise UsageError("--fresh and --backup are two sources.", "Give one of them.")
    if asked.backup is not None:
        made = find(settings.backup_folder, asked.backup, name_of(url) if asked.backup == "latest" else None)
        verify_files(made)
        yield made, _source(made, "it was asked for")
        return
    found, why = (None, "it was asked for") if asked.fresh else _last(settings, url, connection)
    if found is not None:
        yield found, _source(found, why)
        return
    room(settings.backup_folder, connection)
    prepare(settings.backup_folder)
    whose = hashlib.sha256(f"{place_of(url)}/{name_of(url)}".encode()).hexdigest()[:8]
    for left in settings.backup_folder.glob(f"rehearsal-{whose}-*{PARTIAL}"):
        shutil.rmtree(left, ignore_errors=True)
    folder = settings.backup_folder / f"rehearsal-{whose}-{uuid.uuid4().hex[:12]}{PARTIAL}"
    try:
        made = backup(replace(settings, backups=folder), url, say=say, prove=False)  # it is restored at once
        yield made, Source(made.name, fresh=True, taken_at=made.manifest.started_at, why=why)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _source(made: Backup, why: str) -> Source:
    return Source(made.name, fresh=False, taken_at=made.manifest.started_at, why=why)


def _last(settings: Settings, url: URL, connection: Connection) -> tuple[Backup | None, str]:
    """The last backup where it will do, and why it does or does not."""
    found = latest(settings.backup_folder, name_of(url))
    if found is None:
        return None, f"there is no backup of {name_of(url)}"
    if found.manifest.server != place_of(url):
        return None, f"the last backup is of another server, {found.manifest.server}"
    at = revision(connection)
    if found.manifest.revision != at:
        return None, f"the last backup is of revision {found.manifest.revision or 'none'}, not of {at or 'none'}"
    try:
        verify_files(found)
    except SurefootError:
        return None, f"the last backup, {found.name}, is damaged"
    return found, "it is the last backup, sound, and of the revision that the database is at"
