"""Makes a backup: pg_dump of a snapshot, and its rows counted in it. It counts once it is proven to be restorable."""

import datetime as dt
import functools
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
from surefoot.operate.backup.manifest import BY_HAND, File, Manifest, Reason
from surefoot.operate.backup.row_proof import RowProof
from surefoot.operate.backup.store import Backup
from surefoot.program import program, variable
from surefoot.runtime import preconditions
from surefoot.settings import Settings

log = logging.getLogger("surefoot")

WITH_STATISTICS = 180_000
"""Since this server version a dump can contain planner statistics; without them a restored database is analyzed."""
CHANGED_MEANWHILE = re.compile(
    r"could not obtain lock on relation|could not open relation with OID|cache lookup failed"
    r"|(relation|type|function|schema) \S+ does not exist|schema with OID \d+ does not exist"
)
"""The messages of pg_dump if somebody changed the schema while it ran.

The first one comes from a job that started while somebody waited for an exclusive lock on its table, the others from an
object that the snapshot has and that was dropped since.
"""
TOO_MANY_CONNECTIONS = re.compile(r"too many clients|too many connections|remaining connection slots")
Say = Callable[[str], None]
"""Takes one line about the progress."""

LOCK_TIMEOUT = sa.text("select set_config('lock_timeout', :limit, false)")
SNAPSHOT = sa.text("""
    select pg_export_snapshot() as snapshot,
           current_database() as name,
           current_setting('server_version_num')::integer as version,
           case getdatabaseencoding() when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end as encoding
""")


def default_jobs() -> int:
    """Return the number of connections: as many as processors, but at most four, so that others can work."""
    return max(1, min(4, os.cpu_count() or 1))


def backup(  # noqa: PLR0913  # what is asked for, and who is told
    settings: Settings,
    url: URL,
    *,
    jobs: int | None = None,
    say: Say = log.info,
    prove: bool = True,
    reason: Reason = BY_HAND,
) -> Backup:
    """Back up the database of `url` into the backup folder of `settings`, without blocking anybody who works in it.

    The dump contains owners and privileges, and the manifest names their roles; whether they can be restored is decided
    by the server of the restore. The schema is built in a scratch database before the backup counts, unless `prove` is
    False, for a caller that restores it at once. `reason` is kept with it: the list tells it.

    Raises UsageError without a pg_dump that is new enough and can connect, RefusedError if row security hides rows, and
    FailedError if pg_dump fails, the disk is full or the dump cannot be restored; the files are removed then.
    """
    wanted = job_count(jobs)
    attempt = functools.partial(_dump, settings, url, say=say, prove=prove, reason=reason)
    try:
        finished = attempt(wanted)
    except FailedError as fault:
        if CHANGED_MEANWHILE.search(fault.message):
            say("Somebody changed a table in the meantime: once more")
        elif jobs is None and wanted > 1 and TOO_MANY_CONNECTIONS.search(fault.message):
            say(f"The server has too few connections free for {wanted} jobs: once more with one job")
            wanted = 1
        else:
            raise
        finished = attempt(wanted)
    report(finished, say)
    return finished


def _dump(  # noqa: PLR0913  # as `backup`
    settings: Settings, url: URL, jobs: int, *, say: Say, prove: bool, reason: Reason
) -> Backup:
    """Make one attempt."""
    with server_facts.explaining_errors(url):
        engine = database.engine_for(url, application_name=f"{program()} backup")
        with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as source:
            backup_contents.disable_timeouts(source)
            source.execute(LOCK_TIMEOUT, {"limit": _lock_limit(settings)})
            preconditions.refuse_hidden_rows(source, preconditions.EVERYWHERE)
            row = source.execute(SNAPSHOT).one()
            started = dt.datetime.now(dt.UTC)
            binary = backup_access.find_pg_dump(source, url)
            try:
                store.prepare(settings.backup_folder)
                backup_access.require_readable(source)
                partial = store.begin(settings.backup_folder, row.name, started)
            except OSError as fault:
                raise _unwritable(settings.backup_folder, fault) from fault
            try:
                for holder in backup_contents.who_holds_tables(source):
                    say(f"Waiting, {settings.lock_deadline:.0f} s at the longest: {holder}")
                say(f"Dumping {row.name} with {jobs} job{'s' if jobs > 1 else ''} into {partial}")
                arguments = _arguments(settings, partial, row.snapshot, row.encoding, jobs)
                if row.version >= WITH_STATISTICS:
                    arguments.append("--statistics")
                arguments.append(f"--dbname={dump_programs.connection_string(url)}")
                dumping = dump_programs.start(binary, arguments, url)
                draft = _describe_while_dumping(dumping, lambda: _describe(source, settings, url, row, started))
                _wait(dumping, url, settings.backup_folder, jobs, lambda: server_facts.free_connections(source))
                say("Reading it back" + (" and building its schema" if prove else ""))
                finished = _seal(
                    partial, replace(draft, tool=dump_programs.version(binary), jobs=jobs, reason=reason),
                    url if prove else None, RowProof(source),
                )  # fmt: skip
            except BaseException as fault:
                shutil.rmtree(partial, ignore_errors=True)
                if isinstance(fault, OSError):
                    raise _unwritable(settings.backup_folder, fault) from fault
                raise
    return finished


def report(finished: Backup, say: Say) -> None:
    """Report what was backed up, and whether it is proven."""
    contents, proof = finished.manifest, finished.manifest.proof
    say(
        f"Backed up {contents.total_rows:,} rows of {len(contents.rows)} tables as {finished.name}"
        + (f"; its schema was built for a trial in {proof.seconds:.1f} s" if proof and proof.proven else "")
    )
    if proof is not None and not proof.proven:
        say(f"Not proven: {finished.name}: {proof.reason}. What proves it: {program()} backup verify {finished.name}")


def job_count(jobs: int | None) -> int:
    """Return `jobs`, or the default for None. Raises UsageError for less than one."""
    if jobs is not None and jobs < 1:
        raise UsageError(f"{jobs} jobs are too few.", "Give --jobs 1 or more.")
    return jobs or default_jobs()


def _arguments(settings: Settings, partial: Path, snapshot: str, encoding: str, jobs: int) -> list[str]:
    return [
        "--format=directory", f"--jobs={jobs}", f"--snapshot={snapshot}", f"--file={partial / store.DUMP}",
        # the client_encoding that the role or the database set may lack a character of the rows
        f"--encoding={encoding}",
        # ACCESS SHARE conflicts only with ACCESS EXCLUSIVE, but must not wait for that for ever
        f"--lock-wait-timeout={_lock_limit(settings)}", "--no-password",
    ]  # fmt: skip


def _lock_limit(settings: Settings) -> str:
    return str(max(1, int(settings.lock_deadline * 1000)))  # 0 would be no limit


def _describe_while_dumping(dumping: subprocess.Popen[bytes], describe: Callable[[], Manifest]) -> Manifest:
    """Describe the snapshot while pg_dump reads it; end pg_dump if that fails."""
    try:
        return describe()
    except BaseException:
        dumping.kill()
        dumping.communicate()
        raise


def _wait(dumping: subprocess.Popen[bytes], url: URL, folder: Path, jobs: int, free: Callable[[], int | None]) -> None:
    _, stderr = dump_programs.finish(dumping)
    if dumping.returncode:
        fault = dump_programs.failed(
            dumping, stderr, url,
            f"There is no new backup in {folder}; nothing was changed. Mend what it names and run the same command "
            f"again ({variable('BACKUPS')} sets another folder).",
        )  # fmt: skip
        if TOO_MANY_CONNECTIONS.search(fault.message):
            left = free()
            there = "" if left is None else f" Beside its own {max(left, 0)} are free."
            needed = (
                f"With {jobs} jobs a backup needs {jobs + 2} connections at once: give --jobs 1, which needs three."
                if jobs > 1
                else "A backup needs three connections at once: try again when others have left, or raise "
                "max_connections, or the connection limit of the role or the database."
            )
            fault.remedy = f"{needed}{there} {fault.remedy}"
        raise fault


def _describe(source: Connection, settings: Settings, url: URL, row: sa.Row[Any], started: dt.datetime) -> Manifest:
    """Return the manifest of the snapshot, still without the tool and the files."""
    contents = backup_contents.contents(source)
    owners, grantees = backup_contents.roles(source)
    properties = database_settings.read(source, row.name)
    assert properties is not None  # we are connected to it
    return Manifest(
        database=row.name,
        server=server_facts.address_of(url),
        server_version=row.version,
        tool="",
        package=settings.project.version,
        revision=backup_contents.read_revision(source),
        fingerprint=contents.fingerprint,
        schemas=contents.schemas,
        rows=contents.rows,
        owners=owners,
        grantees=grantees,
        properties=properties,
        jobs=1,
        started_at=started,
        finished_at=started,
        files={},
    )


def _seal(partial: Path, draft: Manifest, url: URL | None, rows: RowProof) -> Backup:
    """Prove the dump on the server of `url`, unless that is None; write its manifest, and give it its final name."""
    dump = partial / store.DUMP
    for path in dump.iterdir():
        path.chmod(0o600)
    dump.chmod(0o700)
    listing = archive.read_listing(dump, dump_programs.major(draft.tool))
    if url is None:
        return _finish(partial, draft)
    # only after pg_dump has ended: the proof needs two connections, fewer than pg_dump had
    with dump_proof.trial(url, draft.properties) as trial:
        proof = dump_proof.prove(
            trial, dump, listing, dump_programs.program("pg_restore", dump_programs.major(draft.tool)), rows
        )
        return _finish(partial, replace(draft, proof=proof))


def _finish(partial: Path, draft: Manifest) -> Backup:
    paths = sorted(path for path in (partial / store.DUMP).rglob("*") if path.is_file())
    with ThreadPoolExecutor(max_workers=draft.jobs) as threads:
        digests = threads.map(manifest.sha256, paths)
        files = {
            path.relative_to(partial).as_posix(): File(path.stat().st_size, digest)
            for path, digest in zip(paths, digests, strict=True)
        }
    complete = replace(draft, files=files, finished_at=dt.datetime.now(dt.UTC))
    with os.fdopen(os.open(partial / manifest.NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(manifest.text_of(complete).encode())
        file.flush()
        os.fsync(file.fileno())
    return Backup(store.finish(partial), complete)


def _unwritable(folder: Path, fault: OSError) -> FailedError:
    return FailedError(
        f"The backup could not be written to {folder}: {fault.strerror or fault}.",
        f"Make room there or set {variable('BACKUPS')} to a folder that this user may write; nothing was changed.",
    )
