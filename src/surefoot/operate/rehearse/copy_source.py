"""Chooses what the copy is made from: the last backup if it is sound and of the present revision, else a new dump."""

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy.engine import URL, Connection

from surefoot.errors import SurefootError, UsageError
from surefoot.operate.backup import Backup, backup, find, latest, verify_files
from surefoot.operate.backup.backup_contents import read_revision
from surefoot.operate.backup.backup_dump import Say
from surefoot.operate.backup.server_facts import address_of, name_of
from surefoot.operate.backup.store import PARTIAL, prepare
from surefoot.operate.change.change_preflight import require_disk_space
from surefoot.operate.rehearse.rehearsal_result import CopySource
from surefoot.settings import Settings


@dataclass(frozen=True)
class RehearsalOptions:
    """The target revision, and the source of the copy: a named backup, a new dump, or whichever is best."""

    target: str = "head"
    backup: str | None = None
    fresh: bool = False


@contextmanager
def choose_backup(
    settings: Settings, url: URL, connection: Connection, options: RehearsalOptions, say: Say
) -> Iterator[tuple[Backup, CopySource]]:
    """Yield the backup to restore, and its description; `connection` is to the database that the rehearsal is for.

    A new dump is deleted after the block, and dumps that killed rehearsals left are deleted before. Raises UsageError
    if there is no such backup, and RefusedError if it is damaged or the disk has no room for a dump.
    """
    if options.backup is not None and options.fresh:
        raise UsageError("--fresh and --backup are two sources.", "Give one of them.")
    if options.backup is not None:
        named = find(settings.backup_folder, options.backup, name_of(url) if options.backup == "latest" else None)
        verify_files(named)
        yield named, _source(named, "it was asked for")
        return
    last, why = (None, "it was asked for") if options.fresh else _last_backup(settings, url, connection)
    if last is not None:
        yield last, _source(last, why)
        return
    require_disk_space(settings.backup_folder, connection)
    prepare(settings.backup_folder)
    database_hash = hashlib.sha256(f"{address_of(url)}/{name_of(url)}".encode()).hexdigest()[:8]
    for leftover in settings.backup_folder.glob(f"rehearsal-{database_hash}-*{PARTIAL}"):
        shutil.rmtree(leftover, ignore_errors=True)
    folder = settings.backup_folder / f"rehearsal-{database_hash}-{uuid.uuid4().hex[:12]}{PARTIAL}"
    try:
        dump = backup(replace(settings, backups=folder), url, say=say, prove=False)  # restoring it proves it
        yield dump, CopySource(dump.name, fresh=True, taken_at=dump.manifest.started_at, why=why)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _source(chosen: Backup, why: str) -> CopySource:
    return CopySource(chosen.name, fresh=False, taken_at=chosen.manifest.started_at, why=why)


def _last_backup(settings: Settings, url: URL, connection: Connection) -> tuple[Backup | None, str]:
    """Return the last backup if it can be used, and why it can or cannot."""
    last = latest(settings.backup_folder, name_of(url))
    if last is None:
        return None, f"there is no backup of {name_of(url)}"
    if last.manifest.server != address_of(url):
        return None, f"the last backup is of another server, {last.manifest.server}"
    heads = read_revision(connection)
    if last.manifest.revision != heads:
        return None, f"the last backup is of revision {last.manifest.revision or 'none'}, not of {heads or 'none'}"
    try:
        verify_files(last)
    except SurefootError:
        return None, f"the last backup, {last.name}, is damaged"
    return last, "it is the last backup, sound, and of the revision that the database is at"
