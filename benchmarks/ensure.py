"""What an application waits for at its start where nothing is to do: `ensure_current` in its process.

Against the bare round trip, with our history and with one of 1,000 revisions. Flask-Migrate's `upgrade()` is Alembic's
`command.upgrade` in process, which stands for it. Whole processes are in `nothing_to_do`.
"""

import io
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from psycopg import Connection
from rich.console import Console

from benchmarks import stock_project
from ourschool import ensure_current, project
from surefoot.runtime.head_check import VERSIONS
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import running

ROUNDS = 500


def main() -> None:
    """Print the line."""
    with tempfile.TemporaryDirectory() as folder, running(18) as server, fresh(server) as database:
        database.alembic("upgrade", "head")
        stock = stock_project.make(Path(folder))
        _in_process(database, stock, Path(folder))


def _in_process(database: Database, stock: Path, folder: Path) -> None:
    console = Console(width=100)
    engine = sa.create_engine(database.url)
    with engine.connect() as connection:
        ours, bare = _medians(connection)
        with _thousand_revisions(folder):
            many, _ = _medians(connection)
    config = Config(str(stock / "alembic.ini"), stdout=io.StringIO())
    os.environ["DATABASE_URL"] = database.url.render_as_string(hide_password=False)  # the stock env.py reads it
    logging.disable(logging.INFO)
    taken = []
    for _ in range(10):
        started = time.perf_counter()
        command.upgrade(config, "head")
        taken.append(time.perf_counter() - started)
    console.print(
        f"ensure_current, connection open: {ours * 1000:.3f} ms, {(ours - bare) * 1000:.3f} ms over the bare round "
        f"trip (allowed 0.5); with 1,000 revisions {(many - bare) * 1000:.3f} ms over it; Alembic's command.upgrade in "
        f"process {median(taken) * 1000:.0f} ms, {median(taken) / ours:.0f} times as long"
    )


def _medians(connection: sa.Connection) -> tuple[float, float]:
    """Of ensure_current, and of its one statement alone on the same connection; seconds."""
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, Connection)
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        started = time.perf_counter()
        ensure_current(connection)
        taken[0].append(time.perf_counter() - started)
        driver.autocommit = True
        started = time.perf_counter()
        driver.execute(VERSIONS).fetchall()
        taken[1].append(time.perf_counter() - started)
        driver.autocommit = False
    return median(taken[0]), median(taken[1])


@contextmanager
def _thousand_revisions(folder: Path) -> Iterator[None]:
    """Let the package find its revisions where 1,000 older ones lie beside them."""
    there = ROOT / "alembic" / "versions"
    versions = folder / "many" / "alembic" / "versions"
    versions.mkdir(parents=True)
    for path in there.glob("*.py"):
        (versions / path.name).write_bytes(path.read_bytes())
    for nth in range(1000):
        (versions / f"2020_01_01_{nth:04d}-{nth:012x}_one_of_many.py").touch()
    kept, project.PROJECT = project.PROJECT, replace(project.PROJECT, home=folder / "many")
    try:
        yield
    finally:
        project.PROJECT = kept
