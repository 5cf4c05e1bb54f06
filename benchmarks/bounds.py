"""What has a bound in seconds: `ourschool status` on a big school.

STUDENTS (20,000) and YEARS (5) in the environment set the size of the school, some 12 million rows.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median

from rich.console import Console
from rich.table import Table

from ourschool.seed import Plan, seed
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import running

STUDENTS = int(os.environ.get("STUDENTS", "20000"))
YEARS = int(os.environ.get("YEARS", "5"))
ROUNDS = 9


def main() -> None:
    """Print the table."""
    table = Table(title=f"Bounds, {STUDENTS:,} students, {YEARS} years, PostgreSQL 18", title_justify="left")
    for column in ("what", "median", "longest", "allowed"):
        table.add_column(column, justify="left" if column == "what" else "right")
    with tempfile.TemporaryDirectory() as cache, running(18, "shared_buffers = 1GB", "max_wal_size = 8GB") as server:
        os.environ["XDG_CACHE_HOME"] = cache
        with fresh(server) as school:
            school.alembic("upgrade", "head")
            with school.connect() as connection:
                seed(connection, Plan(students=STUDENTS, years=YEARS))
                connection.commit()
            school.execute("vacuum analyze")
            _add(table, "ourschool status, the first time", [_timed(lambda: _status(school))], None)
            _add(table, "ourschool status", [_timed(lambda: _status(school)) for _ in range(ROUNDS)], 1.0)
    Console(width=100).print(table)


def _status(database: Database) -> None:
    command = [sys.executable, "-m", "ourschool", "status"]
    subprocess.run(command, cwd=ROOT, env=database.environment(), check=True, capture_output=True)


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _add(table: Table, what: str, taken: list[float], bound: float | None) -> None:
    middle = median(taken)
    verdict = "" if bound is None else f"≤ {bound:g} s{' exceeded' if middle > bound else ''}"
    table.add_row(what, f"{middle * 1000:.0f} ms", f"{max(taken) * 1000:.0f} ms", verdict)


if __name__ == "__main__":
    main()
