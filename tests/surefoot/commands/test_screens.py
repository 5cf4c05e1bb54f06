"""What stands on a terminal of 24 lines and 80 columns: no torn line, no silence, no colour that nobody wants."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.support.stalls import Stalls
from tests.surefoot.commands.on_a_screen import shown
from tests.surefoot.online.harness import empty, write

KEPT = Path(__file__).parent / "screens"
"""The six most used screens as text; SCREENS_WRITE=yes writes them anew, to be read before they are committed."""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
TABLES = """
op.execute("create table pupils (id integer primary key, name text)")
op.execute("insert into pupils select n, 'Pupil ' || n from generate_series(1, 1234) as n")
"""
WARNS = "op.execute(\"do $$ begin raise warning 'pupils: % rows are in retired.pupils_x', 3; end $$\")"
DIVIDES = "op.execute('select 1 / 0')"


@pytest.fixture
def school(newest: Server, project: Path) -> Iterator[Database]:
    write(empty(project), "one", None, TABLES)
    with fresh(newest) as made:
        made.alembic("upgrade", "head", cwd=project)
        yield made


def environment(database: Database, project: Path) -> dict[str, str]:
    given = database.environment({"TERM": "xterm-256color", "OURSCHOOL_BACKUPS": str(project / "backups")})
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        given.pop(name, None)
    return given


def stands(name: str, text: str) -> None:
    """Compare with the screen that is kept under that name."""
    file = KEPT / f"{name}.txt"
    if os.environ.get("SCREENS_WRITE") == "yes":
        KEPT.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


def test_the_six_most_used(school: Database, project: Path) -> None:
    env = environment(school, project)
    screens: dict[str, tuple[int, list[str]]] = {
        "status": (0, ["status"]), "backup": (0, ["backup"]), "behind": (1, ["status"]), "rehearse": (0, ["rehearse"]),
        "upgrade": (0, ["upgrade", "--yes"]), "stopped": (4, ["upgrade", "--yes", "--no-backup"]),
    }  # fmt: skip
    with Stalls(school.dsn) as stalls:
        for name, (status, words) in screens.items():
            if name == "behind":
                write(project, "two", "one", f"op.execute('create table more ()')\n{WARNS}", "op.drop_table('more')")
            if name == "stopped":
                write(project, "three", "two", DIVIDES)
            seen = shown(words, project, env)
            assert seen.status == status, (name, seen.raw)
            assert seen.silent < 3 + stalls.allowance, (name, seen.raw)
            assert [line for line in seen.lines if len(line) > 80 and len(line.split()) > 3] == [], name
            assert sum("…" in line for line in seen.lines) == 0, (name, seen.lines)
            stands(name, seen.kept)


SWEPT = (
    ("history", 0), ("identify", 0), ("purge", 0), ("backup list", 0), ("upgrade", 0), ("rehearse", 0),
    ("status --pending --retired --tables --history", 0), ("upgrade nonesuch", 2), ("restore latest --yes", 2),
    ("--help", 0),
)  # fmt: skip


def test_no_line_is_torn_and_no_colour_is_forced(school: Database, project: Path) -> None:
    env = environment(school, project)
    with Stalls(school.dsn) as stalls:
        for line, status in SWEPT:
            seen = shown(line.split(), project, env)
            assert "Traceback" not in seen.raw, (line, seen.raw)
            assert (seen.status == 0) == (status == 0), (line, seen.raw)
            assert seen.silent < 3 + stalls.allowance, (line, seen.raw)
            assert [text for text in seen.lines if len(text) > 80 and len(text.split()) > 3] == [], line
            env["NO_COLOR"] = "1"
            assert not set(COLOUR.findall(shown(line.split(), project, env).raw)) - {"\x1b[0m"}, line
            del env["NO_COLOR"]


def test_without_a_terminal_there_is_no_control_sequence(school: Database, project: Path) -> None:
    write(project, "two", "one", WARNS)
    done = school.start("upgrade", "--yes", program="ourschool", cwd=project, env=environment(school, project))
    said, _ = done.communicate(timeout=120)
    assert done.returncode == 0, said
    assert "\x1b" not in said
