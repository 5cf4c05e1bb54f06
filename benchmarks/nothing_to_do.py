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
from statistics import median

from rich.console import Console

from benchmarks import stock_project
from benchmarks.measure import Comparison, in_turn, show
from ourschool.project import PROJECT
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import running

ROUNDS = int(os.environ.get("ROUNDS", "9"))
MANY = 1000
UPGRADE = ("alembic", "upgrade", "head")
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
                what, used = f"{' '.join(words)}, {number:,} revisions", (list[int](), list[int]())
                rows.append(
                    in_turn(
                        what,
                        partial(_run, database, ours, used[0], *words),
                        partial(_run, database, stock, used[1], *theirs),
                        rounds=ROUNDS,
                        bound=bound,
                    )
                )
                peaks.append(_compared(what, *used))
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


def _run(database: Database, folder: Path, used: list[int], *command: str) -> None:
    """Run the module's command, and add to `used` the most memory that it had at once, in KiB."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder, env=database.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    used.append(usage.ru_maxrss)


def _compared(what: str, ours: list[int], theirs: list[int]) -> str:
    mine, stock = median(ours) / 1024, median(theirs) / 1024
    verdict = "" if mine / stock <= 0.6 else " exceeded"
    return f"Peak memory, {what}: {mine:.0f} MB, stock {stock:.0f} MB, ratio {mine / stock:.2f} (≤ 0.6{verdict})"
