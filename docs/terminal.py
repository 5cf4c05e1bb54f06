"""The last screen of `make migrate` as a picture of a terminal, drawn by Rich from the README: docs/terminal.svg."""

import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

README = Path(__file__).parents[1] / "README.md"
SCREEN = re.compile(r"<!-- screen: (?P<title>[^\n]+) -->\n```console\n(?P<text>.*?)```", re.DOTALL)
FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""What Rich writes to load its font from a network; without it the reader's own monospaced font is used."""


def screen() -> tuple[str, list[str]]:
    """Return the command whose screen the README shows, and the lines of the screen."""
    found = SCREEN.search(README.read_text("utf-8"))
    assert found is not None
    return found["title"], found["text"].splitlines()


def picture() -> str:
    """Return the screen as SVG, the same text for the same screen."""
    title, lines = screen()
    console = Console(record=True, width=max(map(len, lines)), file=io.StringIO(), color_system="truecolor")
    for line in lines:
        console.print(Text(line, style="bold" if line.startswith("$ ") else ""), soft_wrap=True)
    drawn = console.export_svg(title=title, unique_id="terminal")
    return "\n".join(line.rstrip() for line in FONT.sub("", drawn).splitlines()) + "\n"
