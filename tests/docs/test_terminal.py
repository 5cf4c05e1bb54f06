"""The README's last screen of `make migrate` is what its commands print, and docs/terminal.svg shows it."""

import html
import re
from pathlib import Path
from xml.etree import ElementTree as ET

from docs import terminal
from tests.support.databases import ROOT, Database
from tests.support.typed import ourschool

CHANGING = (
    (re.compile(r"\d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"took [\d.]+ (ms|s)"), "took SECONDS"),
    (re.compile(r"^Database .*"), "Database"),
)


def masked(line: str) -> str:
    """A line without what is another in each run."""
    for pattern, instead in CHANGING:
        line = pattern.sub(instead, line)
    return line


def test_the_screen_is_what_the_commands_print(scratch: Database, project: Path) -> None:
    upgraded = scratch.alembic("upgrade", "head", cwd=project)
    status = ourschool(scratch, "status", cwd=project)
    recipe = (ROOT / "Makefile").read_text("utf-8").split("\nmigrate:")[1].split("\n\n")[0]
    printed = [masked(line) for line in (upgraded.stderr + status.stdout).splitlines()]
    printed += re.findall(r'@echo "(.*)"', recipe.replace("$(BIN)", ".venv/bin"))
    _, lines = terminal.screen()
    shown = [masked(line) for line in lines if line != "..." and not line.startswith("$ ")]
    assert shown == printed[-len(shown) :], "Put what make migrate prints last into the README, then: make docs"


def test_the_picture_is_well_formed_and_holds_the_screen() -> None:
    text = (ROOT / "docs" / "terminal.svg").read_text("utf-8")
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    drawn = html.unescape("\n".join("".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")))
    for line in terminal.screen()[1]:
        assert line in drawn.replace("\N{NO-BREAK SPACE}", " "), "Run: make docs"


def test_the_picture_loads_nothing_from_a_network() -> None:
    text = (ROOT / "docs" / "terminal.svg").read_text("utf-8")
    assert set(re.findall(r"https?://[^\s\"')]+", text)) <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}
    assert "@font-face" not in text
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", text)
