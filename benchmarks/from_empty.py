"""An empty database to head through our env.py, against psql running the same SQL in one file.

Ours is measured from the open connection on; what a new interpreter needs before that is shown by itself.
"""

import io
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import redirect_stderr
from pathlib import Path
from statistics import median

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from psycopg import sql
from rich.console import Console

from benchmarks.measure import Comparison, show
from surefoot.servers import libpq
from tests.support.databases import ROOT, Database
from tests.support.servers import Server, running

ROUNDS = 9
BOUND = 2.5
IMPORTS = "import alembic.config, surefoot.environment.run, ourschool.models, surefoot.autogenerate"


def main() -> None:
    """Print the table and, below it, what comes before the connection."""
    with tempfile.TemporaryDirectory() as folder, running(18) as server:
        file = Path(folder) / "head.sql"
        file.write_text(_database(server).alembic("upgrade", "head", "--sql").stdout, "utf-8")
        taken: tuple[list[float], list[float]] = ([], [])
        for turn in range(ROUNDS + 1):
            for side in (0, 1) if turn % 2 else (1, 0):
                seconds = _ours(_database(server)) if side == 0 else _psql(_database(server), file)
                if turn:
                    taken[side].append(seconds)
        row = Comparison("empty database to head", median(taken[0]), median(taken[1]), BOUND)
    show("alembic upgrade head from the open connection on, PostgreSQL 18", "psql -f", [row])
    bare, imports = _starts("pass"), _starts(IMPORTS)
    Console(width=100).print(
        f"Before that, each time: {bare * 1000:.0f} ms of interpreter, {(imports - bare) * 1000:.0f} ms of imports."
    )


def _database(server: Server) -> Database:
    name = f"b_{uuid.uuid4().hex[:12]}"
    with server.connect() as admin:
        admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
    return Database(server, server.url.set(database=name))


def _ours(database: Database) -> float:
    config = Config(ROOT / "alembic.ini", stdout=io.StringIO())
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as connection, redirect_stderr(io.StringIO()):
        config.attributes["connection"] = connection
        started = time.perf_counter()
        command.upgrade(config, "head")
        return time.perf_counter() - started


def _psql(database: Database, file: Path) -> float:
    """psql's own start is in it: a few milliseconds, to its disadvantage."""
    started = time.perf_counter()
    subprocess.run(
        [str(database.server.bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(file)],
        env=libpq.process_environment(database.url),
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - started


def _starts(code: str) -> float:
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        taken.append(time.perf_counter() - started)
    return median(taken)


if __name__ == "__main__":
    main()
