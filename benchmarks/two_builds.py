"""Whole `alembic upgrade head` processes of this checkout against another one's, on an existing database with rows."""

import os
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import sql

from benchmarks.measure import in_turn, show
from tests.ourschool.existing.size import Size
from tests.ourschool.history.schools import make_existing
from tests.support.databases import ROOT, Database
from tests.support.servers import Server, running

OTHER = "OURSCHOOL_OTHER"
"""Names the folder of the other checkout, which has a .venv of its own."""
ROWS = 100_000
ROUNDS = 5


@dataclass
class Clones:
    """A fresh copy of the existing database for each run."""

    server: Server
    existing: str
    database: Database = field(init=False)

    def renew(self) -> None:
        """Drop the last copy and make another."""
        name = f"b_{uuid.uuid4().hex[:12]}"
        with self.server.connect() as admin:
            if hasattr(self, "database"):
                admin.execute(sql.SQL("drop database {}").format(sql.Identifier(str(self.database.url.database))))
            admin.execute(
                sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(self.existing))
            )
            admin.execute("checkpoint")
        self.database = Database(self.server, self.server.url.set(database=name))

    def upgrade(self, checkout: Path) -> None:
        """From the baseline to head with that checkout's files."""
        subprocess.run(
            [str(checkout / ".venv" / "bin" / "python"), "-m", "alembic", "upgrade", "head"],
            cwd=checkout, env=self.database.environment(), check=True, capture_output=True,
        )  # fmt: skip


def main() -> None:
    """Print the table; where nobody says which other checkout, what to set."""
    other = os.environ.get(OTHER)
    if other is None:
        print(f"two_builds: set {OTHER}=<folder of another checkout, with its .venv> to compare with it.")
        return
    for checkout in (ROOT, Path(other)):  # a module that is compiled anew at each start is a tenth of the whole
        subprocess.run([str(checkout / ".venv" / "bin" / "python"), "-m", "compileall", "-q", "src", "alembic"],
                       cwd=checkout, check=True)  # fmt: skip
    with running(18) as server:
        existing = Database(server, server.url.set(database="existing"))
        with server.connect() as admin:
            admin.execute("create database existing template template0")
        make_existing(existing, Size.of(student_assignments=ROWS, attendance_records=ROWS // 10, conflicts=False))
        clones = Clones(server, "existing")
        row = in_turn(
            f"{ROWS:,} student_assignments to head",
            lambda: clones.upgrade(ROOT),
            lambda: clones.upgrade(Path(other)),
            rounds=ROUNDS,
            bound=1.05,
            before=clones.renew,
        )
    show("python -m alembic upgrade head, whole process, PostgreSQL 18", "the other", [row])
