"""Backup and restore, manifest, counts and proof included, against pg_dump and pg_restore with the same options."""

import subprocess
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

from psycopg import sql

from benchmarks.measure import Comparison, in_turn, show
from ourschool.project import PROJECT
from surefoot.operate.backup import Backup, RestoreOptions, backup, restore
from surefoot.servers import libpq
from surefoot.settings import Settings
from tests.ourschool.existing.rows import Size
from tests.ourschool.history.schools import make_existing
from tests.support.databases import Database, fresh
from tests.support.servers import running

ROUNDS = 3
JOBS = 4
SIZE = Size.of(student_assignments=500_000, attendance_records=500_000, conflicts=False)
BIG = 10_000_000
BOUND = 1.1
BACKUP_BOUND = 1.15
"""Its schema is built for a trial as well, which pg_dump does not do."""


def main() -> None:
    """Print the tables: a school of a million rows, and ten million rows in three tables."""
    with running(18, "fsync = on", "max_wal_size = 4GB", "shared_buffers = 256MB") as server:
        for what, fill in (("1 million rows", _school), ("10 million rows", _rows)):
            with tempfile.TemporaryDirectory() as folder, fresh(server) as database:
                fill(database)
                database.execute("vacuum analyze", "checkpoint")
                rows = _compare(database, Path(folder))
            show(f"{what}, {JOBS} jobs, PostgreSQL 18", "pg_dump, pg_restore", rows)


def _school(database: Database) -> None:
    make_existing(database, SIZE)
    database.alembic("upgrade", "head")


def _rows(database: Database) -> None:
    for nth in range(3):
        database.execute(
            f"create table marks_{nth} (id bigint primary key, pupil integer not null, mark numeric, remark text)",
            f"insert into marks_{nth} select n, n % 5000, n % 60 / 10.0, md5(n::text) "
            f"from generate_series(1, {BIG // 3}) n",
            f"create index on marks_{nth} (pupil)",
        )


def _compare(database: Database, folder: Path) -> list[Comparison]:
    settings = Settings(PROJECT.at(folder))
    made: list[Backup] = []
    dump = folder / "theirs"

    def our_backup() -> None:
        made.append(backup(settings, database.url, jobs=JOBS))
        for old in made[:-1]:
            subprocess.run(["rm", "-rf", old.path], check=True)
        del made[:-1]

    def their_backup() -> None:
        subprocess.run(["rm", "-rf", dump], check=True)
        _run(database, "pg_dump", "--format=directory", f"--jobs={JOBS}", f"--file={dump}")

    rows = [in_turn("backup and proof", our_backup, their_backup, rounds=ROUNDS + 2, bound=BACKUP_BOUND)]
    twin = Database(database.server, database.url.set(database=f"twin_{uuid.uuid4().hex[:8]}"))
    theirs = replace(twin, url=twin.url.set(database=f"{twin.url.database}_theirs"))

    def our_restore() -> None:
        restore(settings, twin.url, made[0], RestoreOptions(jobs=JOBS))

    def their_restore() -> None:
        name = str(theirs.url.database)
        with database.server.connect() as admin:
            admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
        _run(theirs, "pg_restore", f"--jobs={JOBS}", "--exit-on-error", f"--dbname={name}", str(dump))

    def clear() -> None:
        """Dropping a database waits until all of the server is on the disk, what the other side wrote as well."""
        for each in (twin, theirs):
            _forget(each)

    rows.append(
        in_turn(
            "restore and proof, swapped in", our_restore, their_restore, rounds=ROUNDS + 2, bound=BOUND, before=clear
        )
    )
    clear()
    return rows


def _forget(database: Database) -> None:
    with database.server.connect() as admin:
        admin.execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(str(database.url.database)))
        )
        admin.execute("checkpoint")


def _run(database: Database, program: str, *arguments: str) -> None:
    subprocess.run([database.server.bin / program, *arguments], env=libpq.process_environment(database.url), check=True)
