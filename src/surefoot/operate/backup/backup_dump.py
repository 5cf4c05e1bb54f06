"""A backup: pg_dump of one snapshot, its rows counted in the same snapshot, proven readable before it counts."""

import datetime as dt
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.errors import FailedError, UsageError
from surefoot.operate.backup import (
    archive,
    backup_access,
    backup_contents,
    database_settings,
    dump_programs,
    dump_proof,
    manifest,
    server_facts,
    store,
)
from surefoot.operate.backup.manifest import File, Manifest
from surefoot.operate.backup.store import Backup
from surefoot.program import program, variable
from surefoot.runtime import preconditions
from surefoot.settings import Settings

log = logging.getLogger("surefoot")

WITH_STATISTICS = 180_000
"""Since this version a dump can have what the planner knows of its rows; without it that is gathered anew after."""
LOCKED = re.compile(r"could not obtain lock on relation")
"""What pg_dump says where somebody waits for a table to change it, and one of its jobs came later."""
FULL = re.compile(r"too many clients|too many connections|remaining connection slots")
Say = Callable[[str], None]
"""Takes a line on how far the work is."""

SNAPSHOT = sa.text("""
    select pg_export_snapshot() as snapshot,
           current_database() as name,
           current_setting('server_version_num')::integer as version
""")


def default_jobs() -> int:
    """As many connections as processors, four at most: a server has other things to do."""
    return max(1, min(4, os.cpu_count() or 1))


def backup(settings: Settings, url: URL, *, jobs: int | None = None, say: Say = log.info, prove: bool = True) -> Backup:
    """Back up the database of `url` into the folder of `settings`; nobody who works in it is stopped.

    Owners and privileges are in the dump, and the roles they speak of in the manifest; whether they can be had again
    is decided where it is restored. Its schema is built in a scratch database before it counts; without `prove`, for
    who restores it at once, that is left out. Raises UsageError without a pg_dump that is new enough and can connect,
    RefusedError where row security hides rows, FailedError where pg_dump fails, the disk is full or no database can be
    made from the dump; what was written is removed then.
    """
    jobs = wanted(jobs)
    try:
        made = _dumped(settings, url, jobs, say, prove=prove)
    except FailedError as fault:
        if not LOCKED.search(fault.message):
            raise
        say("Somebody changed a table in the meantime: once more")
        made = _dumped(settings, url, jobs, say, prove=prove)
    told(made, say)
    return made


def _dumped(settings: Settings, url: URL, jobs: int, say: Say, *, prove: bool) -> Backup:
    """One try at it."""
    with server_facts.explained(url):
        engine = database.engine_for(url, application_name=f"{program()} backup")
        with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as source:
            backup_contents.unlimited(source)
            preconditions.refuse_hidden_rows(source, preconditions.EVERYWHERE)
            row = source.execute(SNAPSHOT).one()
            started = dt.datetime.now(dt.UTC)
            binary = backup_access.programs(source, url)
            try:
                store.prepare(settings.backup_folder)
                backup_access.readable(source)
                partial = store.begin(settings.backup_folder, row.name, started)
            except OSError as fault:
                raise _unwritable(settings.backup_folder, fault) from fault
            try:
                say(f"Dumping {row.name} with {jobs} job{'s' if jobs > 1 else ''} into {partial}")
                arguments = _arguments(settings, partial, row.snapshot, jobs)
                if row.version >= WITH_STATISTICS:
                    arguments.append("--statistics")
                dumping = dump_programs.start(binary, arguments, url)
                draft = _beside(dumping, lambda: _describe(source, settings, url, row, started))
                _wait(dumping, url, settings.backup_folder, jobs)
                say("Reading it back" + (" and building its schema" if prove else ""))
                made = _seal(
                    partial, replace(draft, tool=dump_programs.version(binary), jobs=jobs), url if prove else None
                )
            except BaseException as fault:
                shutil.rmtree(partial, ignore_errors=True)
                if isinstance(fault, OSError):
                    raise _unwritable(settings.backup_folder, fault) from fault
                raise
    return made


def told(made: Backup, say: Say) -> None:
    """Say what was backed up, and whether it is proven."""
    held, proof = made.manifest, made.manifest.proof
    say(
        f"Backed up {held.total_rows:,} rows of {len(held.rows)} tables as {made.name}"
        + (f"; its schema was built for a trial in {proof.seconds:.1f} s" if proof and proof.proven else "")
    )
    if proof is not None and not proof.proven:
        say(f"Not proven: {made.name}: {proof.reason}. What proves it: {program()} backup verify {made.name}")


def wanted(jobs: int | None) -> int:
    """The number that was asked for, else the default. Raises UsageError for none."""
    if jobs is not None and jobs < 1:
        raise UsageError(f"{jobs} jobs are too few.", "Give --jobs 1 or more.")
    return jobs or default_jobs()


def _arguments(settings: Settings, partial: Path, snapshot: str, jobs: int) -> list[str]:
    return [
        "--format=directory", f"--jobs={jobs}", f"--snapshot={snapshot}", f"--file={partial / store.DUMP}",
        # it asks for a lock that only who changes a table stands against, and must not queue for it for ever
        f"--lock-wait-timeout={int(settings.lock_deadline * 1000)}", "--no-password",
    ]  # fmt: skip


def _beside(dumping: subprocess.Popen[bytes], describe: Callable[[], Manifest]) -> Manifest:
    """Describe the snapshot while pg_dump reads it; a pg_dump that is no longer needed is ended."""
    try:
        return describe()
    except BaseException:
        dumping.kill()
        dumping.communicate()
        raise


def _wait(dumping: subprocess.Popen[bytes], url: URL, folder: Path, jobs: int) -> None:
    try:
        _, complaint = dumping.communicate()
    except BaseException:
        dumping.kill()
        dumping.communicate()
        raise
    if dumping.returncode:
        fault = dump_programs.failed(
            dumping, complaint, url,
            f"There is no new backup in {folder}; nothing was changed. Mend what it names and run the same command "
            f"again ({variable('BACKUPS')} sets another folder).",
        )  # fmt: skip
        if FULL.search(fault.message):
            needed = (
                f"With {jobs} jobs a backup needs {jobs + 2} connections at once: give --jobs 1, which needs three."
            )
            fault.remedy = f"{needed} {fault.remedy}"
        raise fault


def _describe(source: Connection, settings: Settings, url: URL, row: sa.Row[Any], started: dt.datetime) -> Manifest:
    """The manifest without the tool and its files: what the snapshot holds."""
    held = backup_contents.contents(source)
    owners, grantees = backup_contents.roles(source)
    of_database = database_settings.read(source, row.name)
    assert of_database is not None  # we are connected to it
    return Manifest(
        database=row.name,
        server=server_facts.place_of(url),
        server_version=row.version,
        tool="",
        package=settings.project.version,
        revision=backup_contents.revision(source),
        fingerprint=held.fingerprint,
        schemas=held.schemas,
        rows=held.rows,
        owners=owners,
        grantees=grantees,
        properties=of_database,
        jobs=1,
        started_at=started,
        finished_at=started,
        files={},
    )


def _seal(partial: Path, draft: Manifest, url: URL | None) -> Backup:
    """Prove the dump beside the database of `url`, write its manifest, and give it the name under which it counts."""
    dump = partial / store.DUMP
    for path in dump.iterdir():
        path.chmod(0o600)
    dump.chmod(0o700)
    listing = archive.readable(dump, dump_programs.major(draft.tool))
    if url is None:
        return _sealed(partial, draft)
    # not while pg_dump runs: it needs the connections, and these two are fewer than it had
    with dump_proof.trial(url, draft.properties) as trial:
        proof = dump_proof.prove(
            trial, dump, listing, dump_programs.program("pg_restore", dump_programs.major(draft.tool))
        )
        return _sealed(partial, replace(draft, proof=proof))


def _sealed(partial: Path, draft: Manifest) -> Backup:
    paths = sorted(path for path in (partial / store.DUMP).rglob("*") if path.is_file())
    with ThreadPoolExecutor(max_workers=draft.jobs) as threads:
        digests = threads.map(manifest.sha256, paths)
        files = {
            path.relative_to(partial).as_posix(): File(path.stat().st_size, digest)
            for path, digest in zip(paths, digests, strict=True)
        }
    whole = replace(draft, files=files, finished_at=dt.datetime.now(dt.UTC))
    with os.fdopen(os.open(partial / manifest.NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(manifest.text_of(whole).encode())
        file.flush()
        os.fsync(file.fileno())
    return Backup(store.finish(partial), whole)


def _unwritable(folder: Path, fault: OSError) -> FailedError:
    return FailedError(
        f"The backup could not be written to {folder}: {fault.strerror or fault}.",
        f"Make room there or set {variable('BACKUPS')} to a folder that this user may write; nothing was changed.",
    )
