"""What looking costs: `identify` against one `upgrade head` from empty, `status` on a school of many rows."""

import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median

from psycopg import sql

from benchmarks.measure import Comparison, in_turn, show
from tests.ourschool.existing import rows
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server, running

ROUNDS = 9
SIZE = rows.Size.of(student_assignments=300_000, attendance_records=300_000, conflicts=False)


def main() -> None:
    """Print the tables: whole processes, PostgreSQL 18."""
    with tempfile.TemporaryDirectory() as folder, running(18) as server, fresh(server) as database:
        os.environ["XDG_CACHE_HOME"] = folder
        database.alembic("upgrade", "cd0edd614cc5")
        with database.connect() as connection:
            rows.fill(connection, SIZE)
        database.alembic("upgrade", "head")
        identified = [_identify(server, database, Path(folder)), _identify_again(server, database)]
        looked = [_status(database, Path(folder), kept=False), _status(database, Path(folder), kept=True)]
    show("python -m ourschool identify, whole process, PostgreSQL 18", "upgrade head", identified)
    show("python -m ourschool status, whole process, a school of some 700,000 rows", "limit", looked)


def _identify(server: Server, database: Database, cache: Path) -> Comparison:
    def anew() -> None:
        _forget(cache)
        _ourschool(database, "identify")

    return in_turn("identify, nothing kept", anew, lambda: _upgrade(server), rounds=ROUNDS, bound=3)


def _identify_again(server: Server, database: Database) -> Comparison:
    return in_turn(
        "identify, catalogues kept", lambda: _ourschool(database, "identify"), lambda: _upgrade(server),
        rounds=ROUNDS, bound=3,
    )  # fmt: skip


def _status(database: Database, cache: Path, *, kept: bool) -> Comparison:
    taken = []
    for _ in range(ROUNDS):
        if not kept:
            _forget(cache)
        started = time.perf_counter()
        _ourschool(database, "status")
        taken.append(time.perf_counter() - started)
    return Comparison(f"status, {'catalogues kept' if kept else 'nothing kept'}", median(taken), 1.0, 1.0)


def _forget(cache: Path) -> None:
    for file in cache.rglob("*.json.gz"):
        file.unlink()


def _ourschool(database: Database, *arguments: str) -> None:
    _run(database, "ourschool", *arguments)


def _upgrade(server: Server) -> None:
    name = f"b_{uuid.uuid4().hex[:12]}"
    with server.connect() as admin:
        admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
    _run(Database(server, server.url.set(database=name)), "alembic", "upgrade", "head")


def _run(database: Database, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=database.environment(), check=True, capture_output=True
    )
