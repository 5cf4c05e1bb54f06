"""`alembic revision --autogenerate` on the whole schema with nothing changed, whole process, against stock Alembic."""

import shutil
import tempfile
from pathlib import Path

import alembic

from benchmarks import stock_project
from benchmarks.measure import in_turn, show
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import running

TEMPLATE = Path(alembic.__file__).parent / "templates" / "generic" / "script.py.mako"
COMMAND = ("revision", "--autogenerate", "-m", "nothing has changed")


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder, running(18) as server, fresh(server) as database:
        database.alembic("upgrade", "head")
        database.execute("drop table migration_journal")  # stock would take it for a table to remove
        own, stock = Path(folder) / "own", Path(folder) / "stock"
        shutil.copytree(ROOT / "alembic", own / "alembic", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "alembic.ini", own)
        stock.mkdir()
        stock_project.make(stock)
        shutil.copy(TEMPLATE, stock / "alembic")
        rows = [
            in_turn(
                "autogenerate, nothing changed",
                lambda: _write(database, own, files=0),
                lambda: _write(database, stock, files=1),
                rounds=15,
                bound=1.5,
            )
        ]
    show("Autogenerate, whole process, PostgreSQL 18", "stock", rows)


def _write(database: Database, project: Path, *, files: int) -> None:
    """Run the command; stock writes an empty file, which is taken away again."""
    versions = project / "alembic" / "versions"
    there = set(versions.glob("*.py"))
    database.alembic(*COMMAND, cwd=project)
    new = set(versions.glob("*.py")) - there
    assert len(new) == files, new
    for path in new:
        path.unlink()
