"""What a start or a deploy costs where nothing is to do: whole processes against stock Alembic, time and peak memory.

Once with the project's own revisions, once with a history of 1,000. ROUNDS (9) in the environment is how often each is
run.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks import stock_project
from benchmarks.measure import Comparison, in_turn, show
from ourschool.project import PROJECT
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import running

ROUNDS = int(os.environ.get("ROUNDS", "9"))
MANY = 1000
UPGRADE = ("alembic", "upgrade", "head")
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, capture_output=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Runs a command from a small process: the kernel counts the memory of whoever starts one as the new one's own."""
OWN, BEFORE = re.compile(r"^revision = .*$", re.MULTILINE), re.compile(r'^down_revision = ".*$', re.MULTILINE)
"""In a revision file: its id, and the one revision that it follows."""


def main() -> None:
    """Print the table of times and a line of memory for each row of it."""
    rows, peaks = list[Comparison](), list[str]()
    with tempfile.TemporaryDirectory() as made, running(18) as server, fresh(server) as database:
        os.environ["XDG_CACHE_HOME"] = f"{made}/cache"
        database.alembic("upgrade", "head")
        stock, ours = stock_project.make(Path(made) / "stock"), Path(made) / "ours"
        shutil.copytree(ROOT / "alembic", ours / "alembic", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "alembic.ini", ours)
        own = len(list((ours / "alembic" / "versions").glob("*.py")))
        for number, bounds in ((own, (0.6, 0.6, 0.25)), (MANY, (0.3, 0.3, 0.25))):
            _lengthen(database, number, stock, ours)
            for words, theirs, bound in zip(
                (UPGRADE, ("alembic", "current"), ("ourschool", "ensure")),
                (UPGRADE, ("alembic", "current"), UPGRADE),
                bounds,
                strict=True,
            ):
                what = f"{' '.join(words)}, {number:,} revisions"
                rows.append(
                    in_turn(
                        what,
                        partial(_run, database, ours, *words),
                        partial(_run, database, stock, *theirs),
                        rounds=ROUNDS,
                        bound=bound,
                    )
                )
                peaks.append(_compared(what, _peak(database, ours, *words), _peak(database, stock, *theirs)))
    show("Whole process, nothing to do, PostgreSQL 18", "stock Alembic", rows)
    Console(width=100).print("\n".join(peaks))


def _lengthen(database: Database, number: int, *folders: Path) -> None:
    """Let the projects have so many revisions, the last of which `database` is at: the first ones over and over."""
    head = PROJECT.head()
    assert head is not None
    for folder in folders:
        versions, parent = folder / "alembic" / "versions", head
        texts = [text for path in sorted(versions.glob("*.py")) if BEFORE.search(text := path.read_text("utf-8"))]
        for nth in range(number - len(list(versions.glob("*.py")))):
            revision = f"{nth:012x}"
            text = OWN.sub(f'revision = "{revision}"', texts[nth % len(texts)])
            text = BEFORE.sub(f'down_revision = "{parent}"', text)
            text = re.sub(r"^branch_labels = .*$", "branch_labels = None", text, flags=re.MULTILINE)
            (versions / f"2030_01_01_0000-{revision}_one_of_many.py").write_text(text, "utf-8")
            parent = revision
        if parent != head:
            database.execute(f"update alembic_version set version_num = '{parent}'")


def _run(database: Database, folder: Path, *command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=database.environment(), check=True, capture_output=True
    )


def _peak(database: Database, folder: Path, *command: str) -> float:
    """Return the most memory that the module's command had at once, in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, sys.executable, "-m", *command],
        cwd=folder, env=database.environment(), check=True, capture_output=True, text=True,
    )  # fmt: skip
    return int(done.stdout) / 1024


def _compared(what: str, ours: float, theirs: float) -> str:
    verdict = "" if ours / theirs <= 0.6 else " exceeded"
    return f"Peak memory, {what}: {ours:.0f} MB, stock {theirs:.0f} MB, ratio {ours / theirs:.2f} (≤ 0.6{verdict})"
