"""`ensure` and the help load no more than they use: they stand before every start, and before everybody who asks."""

import subprocess
import sys

import pytest

from surefoot.cli import ensure_run
from tests.support.databases import ROOT, Database

LOADED = (
    "import sys, atexit; atexit.register(lambda: print('LOADED', *sorted({m.split('.')[0] for m in sys.modules})));"
)
HEAVY = frozenset({"sqlalchemy", "alembic", "typer", "rich", "pydantic", "dotenv"})


def loaded(*arguments: str, database: Database | None = None) -> frozenset[str]:
    """The heavy libraries that the command has imported by its end."""
    code = (
        f"{LOADED} sys.argv = ['ourschool', {', '.join(map(repr, arguments))}]; from ourschool import cli; cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env=database.environment() if database else None, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return HEAVY & set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize("options", [(), ("--refuse",), ("--wait", "5"), ("--wait", "5", "--refuse")])
def test_ensure_at_head_loads_psycopg_alone(at_head: Database, options: tuple[str, ...]) -> None:
    assert loaded("ensure", *options, database=at_head) <= {"dotenv"}  # that where there is a .env


def test_the_help_loads_no_database() -> None:
    assert not loaded("ensure", "--help") & {"sqlalchemy", "alembic", "psycopg"}
    assert not loaded("--help") & {"sqlalchemy", "alembic", "psycopg"}


@pytest.mark.parametrize(
    ("words", "refuse", "wait"),
    [
        ([], False, 0),
        (["--refuse"], True, 0),
        (["--wait", "30"], False, 30),
        (["--refuse", "--wait", "0"], True, 0),
        (["--wait", "1", "--wait", "2"], False, 2),
    ],
)
def test_the_usual_options_are_read_as_typer_reads_them(words: list[str], refuse: bool, wait: float) -> None:
    assert ensure_run.usual_options(words) == {"refuse": refuse, "wait": wait}


@pytest.mark.parametrize(
    "words", [["--help"], ["--wait"], ["--wait", "-1"], ["--wait=3"], ["--wait", "1.5"], ["--database-url", "x"], ["x"]]
)
def test_all_other_words_are_for_typer(words: list[str]) -> None:
    assert ensure_run.usual_options(words) is None
