"""What an author waits for: whole `lint`, `prove` and `new` processes of this checkout against another one's."""

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import Comparison, in_turn, show
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server, running

OTHER = "OURSCHOOL_OTHER"
"""Names the folder of the other checkout."""
HISTORY = "HISTORY"
"""Set, the whole history is linted, too, which takes minutes."""
ROUNDS = int(os.environ.get("ROUNDS", "5"))
MODELS = """
import dataclasses
import sqlalchemy as sa
import ourschool.project

load = ourschool.project.PROJECT.load_metadata


def with_nickname():
    metadata = load()
    if "nickname" not in metadata.tables["users"].columns:
        metadata.tables["users"].append_column(sa.Column("nickname", sa.Text()))
    return metadata


ourschool.project.PROJECT = dataclasses.replace(ourschool.project.PROJECT, load_metadata=with_nickname)
"""
"""What env.py begins with: models that have what the pending revision makes, loaded when they are compared."""
REVISION = '''"""users have a nickname

Why: a benchmark.
Locks: users for a moment.
Data: none.
Way back: the column is set aside.

Revision ID: aaaaaaaaaaaa
Revises: {head}
"""

import sqlalchemy as sa
from alembic import op

revision = "aaaaaaaaaaaa"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if not op.restore_column("users", "nickname"):
        op.add_column("users", sa.Column("nickname", sa.Text()))


def downgrade() -> None:
    op.retire_column("users", "nickname")
'''


@dataclass
class Side:
    """A checkout, and a copy of its revisions with one that is pending; models have what that makes."""

    checkout: Path
    database: Database
    folder: Path
    pending: Path = field(init=False)

    def __post_init__(self) -> None:
        """Copy the revisions, and write the pending one."""
        shutil.copytree(self.checkout / "alembic", self.folder / "alembic")
        shutil.copy(self.checkout / "alembic.ini", self.folder)
        env = self.folder / "alembic" / "env.py"
        env.write_text(f"{MODELS}\n{env.read_text('utf-8')}", "utf-8")
        versions = sorted((self.folder / "alembic" / "versions").glob("2*.py"))
        head = versions[-1].name.split("-")[1].partition("_")[0]
        self.pending = versions[0].with_name("2099_01_01_0000-aaaaaaaaaaaa_users_have_a_nickname.py")
        self.pending.write_text(REVISION.format(head=head), "utf-8")

    def change(self) -> None:
        """Change the pending revision, as its author does between two calls."""
        with self.pending.open("a", encoding="utf-8") as file:
            file.write(f"# {uuid.uuid4()}\n")

    def run(self, *arguments: str) -> None:
        """Run `python -m ourschool …` of the checkout; what it finds is no matter."""
        own = self.checkout / ".venv" / "bin" / "python"
        program = str(own) if own.exists() else sys.executable
        environment = self.database.environment() | {"PYTHONPATH": str(self.checkout / "src")}
        done = subprocess.run(
            [program, "-m", "ourschool", *arguments], cwd=self.folder, env=environment, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode in {0, 1}, done.stderr

    def new(self) -> None:
        """Let it write the pending revision, and take that away again."""
        versions = self.folder / "alembic" / "versions"
        aside = self.pending.rename(self.folder / self.pending.name)
        before = set(versions.glob("2*.py"))
        try:
            self.run("new", f"add nickname {uuid.uuid4().hex[:8]}")
        finally:
            for written in set(versions.glob("2*.py")) - before:
                written.unlink()
            aside.rename(self.pending)


def main() -> None:
    """Print the table; where nobody says which other checkout, what to set."""
    other = os.environ.get(OTHER)
    if other is None:
        print(f"author: set {OTHER}=<folder of another checkout> to compare with it.")
        return
    for checkout in (ROOT, Path(other)):
        command = [sys.executable, "-m", "compileall", "-q", "src", "alembic"]
        subprocess.run(command, cwd=checkout, check=True)
    with tempfile.TemporaryDirectory() as folder, running(18) as server:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        rows = _rows(server, Path(folder), Path(other))
    show(f"the author's commands, whole processes, {ROUNDS} rounds, PostgreSQL 18", "the other", rows)


def _rows(server: Server, folder: Path, other: Path) -> list[Comparison]:
    with fresh(server) as database:
        sides = [Side(checkout, database, folder / name) for checkout, name in ((ROOT, "ours"), (other, "theirs"))]
        ours, theirs = sides

        def change() -> None:
            for side in sides:
                side.change()

        rows = []
        for command in (("lint", "aaaaaaaaaaaa"), ("prove", "aaaaaaaaaaaa")):
            for what, before in (("second call", lambda: None), ("file changed", change)):
                rows.append(in_turn(
                    f"{command[0]}, {what}", lambda c=command: ours.run(*c), lambda c=command: theirs.run(*c),  # type: ignore[misc]
                    rounds=ROUNDS, bound=1, before=before,
                ))  # fmt: skip
                print(rows[-1], flush=True)
        rows.append(in_turn("new", ours.new, theirs.new, rounds=ROUNDS, bound=1))
        if os.environ.get(HISTORY):
            rows.append(in_turn(
                "lint of all, file changed", lambda: ours.run("lint"), lambda: theirs.run("lint"),
                rounds=1, bound=1, before=change,
            ))  # fmt: skip
    return rows
