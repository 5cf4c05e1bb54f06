"""Verifies a backup against its manifest: its files, and a database restored from it for a trial."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL

from surefoot.errors import CheckFailed, RefusedError
from surefoot.operate.backup import (
    archive,
    backup_contents,
    manifest,
    restore_in_place,
    restore_rights,
    server_facts,
    store,
)
from surefoot.operate.backup.backup_dump import Say, default_jobs
from surefoot.operate.backup.manifest_comparison import differences
from surefoot.operate.backup.store import Backup
from surefoot.program import program
from surefoot.scratch_database import scratch_database

log = logging.getLogger("surefoot")


@dataclass(frozen=True)
class Verified:
    """A backup that was restored and equals its manifest; `notes` say what could not be restored on that server."""

    backup: Backup
    tables: int
    rows: int
    notes: tuple[str, ...]


def verify(url: URL, backup: Backup, *, jobs: int | None = None, say: Say = log.info) -> Verified:
    """Restore `backup` into a scratch database on the server of `url` and compare it with its manifest.

    Raises RefusedError for a damaged backup or one of a newer server, CheckFailed if the restored database differs, and
    FailedError if pg_restore fails.
    """
    jobs = jobs or default_jobs()
    say(f"Reading {backup.name}")
    verify_files(backup, jobs)
    with scratch_database(url, purpose="verify", restored=True) as trial, server_facts.explaining_errors(trial):
        say("Restoring it into a scratch database")
        notes = archive.restore_into(trial, backup, jobs)
        say("Counting")
        problems = list(differences(backup.manifest, backup_contents.contents_of(trial, jobs)))
    if problems:
        because = f" Of note: {' '.join(notes)}" if notes else ""
        raise CheckFailed(f"{backup.name} restores to something else: {'; '.join(problems)}.{because}", _other_backup())
    if restore_rights.read(url).inside:
        notes += restore_in_place.preview(url, backup)
    return Verified(backup, len(backup.manifest.rows), backup.manifest.total_rows, tuple(notes))


def verify_files(backup: Backup, jobs: int | None = None) -> None:
    """Check that each file exists and is unchanged, and that pg_restore can read the dump. This needs no server.

    Raises RefusedError that names the file.
    """
    files = backup.manifest.files
    present = {path.relative_to(backup.path).as_posix() for path in backup.dump.rglob("*") if path.is_file()}
    for name in sorted(files.keys() - present):
        raise _damaged_error(backup, name, "is missing")
    for name in sorted(present - files.keys()):
        raise _damaged_error(backup, name, "is not part of it")
    for name, file in files.items():
        size = (backup.path / name).stat().st_size
        if size != file.size:
            raise _damaged_error(backup, name, f"has {size:,} bytes instead of {file.size:,}")
    with ThreadPoolExecutor(max_workers=jobs or default_jobs()) as threads:
        for name, digest in zip(files, threads.map(_digest, (backup.path / name for name in files)), strict=True):
            if digest != files[name].sha256:
                raise _damaged_error(backup, name, "is not as it was written")
    archive.read_listing(backup.dump, archive.pg_restore_major(backup.manifest))


def _digest(path: Path) -> str | None:
    try:
        return manifest.sha256(path)
    except OSError:  # unreadable is as good as changed
        return None


def _damaged_error(backup: Backup, name: str, problem: str) -> RefusedError:
    where = name.removeprefix(f"{store.DUMP}/")
    return RefusedError(
        f"The backup {backup.name} is damaged: {where} {problem}. Nothing was restored from it.", _other_backup()
    )


def _other_backup() -> str:
    return f"Take another backup: {program()} backup list shows what there is."
