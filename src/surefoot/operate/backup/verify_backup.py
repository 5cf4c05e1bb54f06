"""Is a backup what its manifest says? By its files, and by a database restored from it for a trial."""

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
    restore_ways,
    server_facts,
    store,
)
from surefoot.operate.backup.backup_dump import Say, default_jobs
from surefoot.operate.backup.manifest_comparison import unequal
from surefoot.operate.backup.store import Backup
from surefoot.program import program
from surefoot.scratch_database import scratch_database

log = logging.getLogger("surefoot")


@dataclass(frozen=True)
class Verified:
    """A backup that was restored and found equal; `notes` say what of it could not be had on that server."""

    backup: Backup
    tables: int
    rows: int
    notes: tuple[str, ...]


def verify(url: URL, backup: Backup, *, jobs: int | None = None, say: Say = log.info) -> Verified:
    """Restore `backup` into a scratch database beside the one of `url` and compare it with its manifest.

    Raises RefusedError for a damaged backup or one of a newer server, CheckFailed for one that restores to something
    else, FailedError where pg_restore fails.
    """
    jobs = jobs or default_jobs()
    say(f"Reading {backup.name}")
    verify_files(backup, jobs)
    with scratch_database(url, purpose="verify") as trial, server_facts.explained(trial):
        say("Restoring it into a scratch database")
        notes = archive.restore_into(trial, backup, jobs)
        say("Counting")
        faults = list(unequal(backup.manifest, backup_contents.contents_of(trial, jobs)))
    if faults:
        because = f" Of note: {' '.join(notes)}" if notes else ""
        raise CheckFailed(f"{backup.name} restores to something else: {'; '.join(faults)}.{because}", _other_backup())
    if restore_ways.way(url).inside:
        notes += restore_in_place.outlook(url, backup)
    return Verified(backup, len(backup.manifest.rows), backup.manifest.total_rows, tuple(notes))


def verify_files(backup: Backup, jobs: int | None = None) -> None:
    """Whether each file is there, whole and unchanged, and pg_restore can read the dump; needs no server.

    Raises RefusedError that names the file.
    """
    expected = backup.manifest.files
    present = {path.relative_to(backup.path).as_posix() for path in backup.dump.rglob("*") if path.is_file()}
    for name in sorted(expected.keys() - present):
        raise _damaged(backup, name, "is missing")
    for name in sorted(present - expected.keys()):
        raise _damaged(backup, name, "is not part of it")
    for name, file in expected.items():
        size = (backup.path / name).stat().st_size
        if size != file.size:
            raise _damaged(backup, name, f"has {size:,} bytes instead of {file.size:,}")
    with ThreadPoolExecutor(max_workers=jobs or default_jobs()) as threads:
        for name, digest in zip(expected, threads.map(_digest, (backup.path / name for name in expected)), strict=True):
            if digest != expected[name].sha256:
                raise _damaged(backup, name, "is not as it was written")
    archive.readable(backup.dump, archive.reader(backup.manifest))


def _digest(path: Path) -> str | None:
    try:
        return manifest.sha256(path)
    except OSError:  # unreadable is as good as changed
        return None


def _damaged(backup: Backup, name: str, how: str) -> RefusedError:
    where = name.removeprefix(f"{store.DUMP}/")
    return RefusedError(
        f"The backup {backup.name} is damaged: {where} {how}. Nothing was restored from it.", _other_backup()
    )


def _other_backup() -> str:
    return f"Take another backup: {program()} backup list shows what there is."
