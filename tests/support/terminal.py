"""Runs a command on a pseudo-terminal, and keeps what its screen shows while it runs."""

import os
import pty
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

PIECE = re.compile(r"\x1b\[(?P<parameter>[?\d;]*)(?P<command>[A-Za-z])|(?P<control>[\r\n])|(?P<text>[^\x1b\r\n]+)")
"""A control sequence, a carriage return, a new line, or text."""


class Screen:
    """The lines of a terminal of any size; it knows the control sequences that Rich uses to move and erase."""

    def __init__(self) -> None:
        self.lines = [""]
        self._row = self._column = 0

    def write(self, output: str) -> None:
        """Draw what a program has written."""
        for piece in PIECE.finditer(output):
            if piece["text"] is not None:
                line = self.lines[self._row].ljust(self._column)
                end = self._column + len(piece["text"])
                self.lines[self._row] = line[: self._column] + piece["text"] + line[end:]
                self._column = end
            elif piece["control"] == "\r":
                self._column = 0
            elif piece["control"] == "\n":
                self._row, self._column = self._row + 1, 0
                self.lines += [""] * (self._row + 1 - len(self.lines))
            elif piece["command"] == "A":
                self._row = max(self._row - int(piece["parameter"] or 1), 0)
            elif piece["command"] == "K":
                assert piece["parameter"] == "2"
                self.lines[self._row] = ""


def on_a_terminal(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> tuple[str, list[list[str]]]:
    """Run `command` and return its stderr, and the screen's lines after each part of it; assert that it succeeds.

    The terminal has 120 columns; stdout is discarded.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, cwd=cwd, env=dict(environment) | {"TERM": "xterm", "COLUMNS": "120"}, stdin=theirs,
        stdout=subprocess.DEVNULL, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    output, screen, screens = b"", Screen(), []
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # the end of the output on a pty
            break
        if not part:
            break
        output += part
        if part.endswith(b"\n") or b"\x1b" in part:
            screen = Screen()
            screen.write(output.decode(errors="ignore"))
            screens.append(screen.lines)
    os.close(ours)
    assert process.wait() == 0, output.decode()
    return output.decode(), screens
