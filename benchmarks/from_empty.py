"""An empty database to head: by the snapshot, by every revision in turn, by psql, by stock Alembic.

From the open connection on, and as whole processes; then the same with a history of 1,000 revisions, made for it.
"""

import io
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from psycopg import sql

from benchmarks import stock_project
from benchmarks.measure import Comparison, medians, show
from benchmarks.upgrade import COMMON
from ourschool.project import PROJECT
from surefoot.author import snapshot_writer
from surefoot.revision_heads import heads_of
from surefoot.servers import libpq
from surefoot.settings import load
from tests.support.databases import ROOT, Database
from tests.support.servers import Server, running

ROUNDS = 7
MANY = 1000
"""Revisions of the long history; those beyond the real ones change a comment each."""
FILLER = '''"""Number {nth}.

Revision ID: {revision}
"""

from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    """Say it."""
    op.execute("comment on table users is 'number {nth}'")


def downgrade() -> None:
    """Take it back."""
    op.execute("comment on table users is null")
'''


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder, running(18) as server:
        stock = stock_project.make(Path(folder) / "stock")
        script = Path(folder) / "snapshot.sql"
        # what a snapshot relies on, and what records it
        text = (ROOT / "alembic" / "snapshot.sql").read_text("utf-8")
        script.write_text(f"begin; set local check_function_bodies = off;\n{text}\ncommit;\n", "utf-8")
        by_snapshot, by_revisions, by_psql = _medians(
            server, _in_process("yes"), _in_process("no"), lambda database: _psql(database, script)
        )
        show("empty database to head, from the open connection on, PostgreSQL 18", "theirs", [
            Comparison("the snapshot, against every revision in turn", by_snapshot, by_revisions, 0.25),
            Comparison("the snapshot, against psql -f of the same file", by_snapshot, by_psql, 1.3),
        ])  # fmt: skip
        many = _long_history(server, Path(folder) / "many")
        ours, theirs, long = _medians(server, _process(ROOT), _process(stock, COMMON), _process(many))
        show("the same, whole processes", "theirs", [
            Comparison(f"to head, against stock Alembic to {COMMON}, as far as that comes", ours, theirs, 0.4),
            Comparison(f"{MANY} revisions, against those of today", long, ours, 1.1),
        ])  # fmt: skip


def _medians(server: Server, *ways: Callable[[Database], None]) -> list[float]:
    """Return the median seconds of each way, in turn, each time on a new database that is made before."""
    fresh: list[Database] = []

    def one_more() -> None:
        fresh.append(_database(server))

    return medians(*((lambda way=way: way(fresh[-1])) for way in ways), rounds=ROUNDS, before=one_more)


def _database(server: Server) -> Database:
    name = f"b_{uuid.uuid4().hex[:12]}"
    with server.connect() as admin:
        admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
    return Database(server, server.url.set(database=name))


def _in_process(snapshot: str) -> Callable[[Database], None]:
    def way(database: Database) -> None:
        config = Config(ROOT / "alembic.ini", stdout=io.StringIO())
        config.attributes["snapshot"] = snapshot == "yes"
        engine = sa.create_engine(database.url, poolclass=sa.NullPool)
        with engine.connect() as connection, redirect_stderr(io.StringIO()):
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    return way


def _psql(database: Database, file: Path) -> None:
    """psql's own start is in it: a few milliseconds, to its disadvantage."""
    subprocess.run(
        [str(database.server.bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(file)],
        env=libpq.process_environment(database.url),
        check=True,
        capture_output=True,
    )


def _process(project: Path, target: str = "head") -> Callable[[Database], None]:
    def way(database: Database) -> None:
        command_line = [sys.executable, "-m", "alembic", "upgrade", target]
        subprocess.run(command_line, cwd=project, env=database.environment(), check=True, capture_output=True)

    return way


def _long_history(server: Server, folder: Path) -> Path:
    """Write a copy of the project with MANY revisions and a snapshot of its head."""
    shutil.copytree(ROOT / "alembic", folder / "alembic", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "alembic.ini", folder)
    (head,) = heads_of(folder / "alembic" / "versions") or ()
    before = head.revision
    for nth in range(len(list((folder / "alembic" / "versions").glob("*.py"))), MANY):
        revision = f"f{nth:011x}"
        text = FILLER.format(nth=nth, revision=revision, before=before)
        (folder / "alembic" / "versions" / f"2099_01_01_{nth:04d}-{revision}_number.py").write_text(text, "utf-8")
        before = revision
    snapshot_writer.write(load(PROJECT.at(folder), database_url=_database(server).dsn), _database(server).url)
    return folder


if __name__ == "__main__":
    main()
