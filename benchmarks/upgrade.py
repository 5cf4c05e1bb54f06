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
COMMON = "e10cd28b0218"
"""As far as a stock env.py comes, most of the way: the next revision reads what one before it set aside under its name,
and stock tells no operation which revision it is in."""


def main() -> None:
    """Print the table: an empty database upgraded, and `upgrade head` with nothing to do."""
    with tempfile.TemporaryDirectory() as folder, running(18) as server:
        stock = stock_project.make(Path(folder))
        rows = [_from_empty(server, stock), _nothing_to_do(server, stock)]
    show("python -m alembic upgrade, whole process, PostgreSQL 18", "stock env.py", rows)


def _from_empty(server: Server, stock: Path) -> Comparison:
    def upgrade(project: Path) -> None:
        _upgrade(project, _fresh(server), COMMON)

    what = f"empty database to {COMMON}"
    return in_turn(what, lambda: upgrade(ROOT), lambda: upgrade(stock), rounds=ROUNDS, bound=1.15)


def _nothing_to_do(server: Server, stock: Path) -> Comparison:
    database = _fresh(server)
    _upgrade(ROOT, database)
    return in_turn(
        "head, nothing to do",
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


def _upgrade(project: Path, database: Database, target: str = "head") -> None:
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", target],
        cwd=project,
        env=database.environment(),
        check=True,
        capture_output=True,
    )
