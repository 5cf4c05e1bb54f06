"""What the guarantees of env.py cost: whole `alembic` processes against a stock env.py with the same revisions."""

import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from psycopg import sql

from benchmarks import stock_project
from benchmarks.measure import Comparison, in_turn, show
from tests.support.databases import ROOT, Database
from tests.support.servers import Server, running

ROUNDS = 15


def main() -> None:
    """Print the table: `upgrade head` on an empty database, and with nothing to do."""
    with tempfile.TemporaryDirectory() as folder, running(18) as server:
        stock = stock_project.make(Path(folder))
        rows = [_from_empty(server, stock), _nothing_to_do(server, stock)]
    show("python -m alembic upgrade head, whole process, PostgreSQL 18", "stock env.py", rows)


def _from_empty(server: Server, stock: Path) -> Comparison:
    def upgrade(project: Path) -> None:
        _upgrade(project, _fresh(server))

    return in_turn("empty database to head", lambda: upgrade(ROOT), lambda: upgrade(stock), rounds=ROUNDS, bound=1.15)


def _nothing_to_do(server: Server, stock: Path) -> Comparison:
    database = _fresh(server)
    _upgrade(ROOT, database)
    return in_turn(
        "nothing to do",
        lambda: _upgrade(ROOT, database),
        lambda: _upgrade(stock, database),
        rounds=ROUNDS,
        bound=1.15,
    )


def _fresh(server: Server) -> Database:
    name = f"b_{uuid.uuid4().hex[:12]}"
    with server.connect() as admin:
        admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
    return Database(server, server.url.set(database=name))


def _upgrade(project: Path, database: Database) -> None:
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=project,
        env=database.environment(),
        check=True,
        capture_output=True,
    )
