"""Runs a command on a terminal of 24 lines and 80 columns: what stands there at its end, and how long it was silent."""

import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support import forked
from tests.support.terminal import Screen
from tests.surefoot.commands.test_every_command import terminal

VARYING = (
    (re.compile(r"\bt_[0-9a-f]{12}\b"), "DATABASE"),
    (re.compile(r" at /\S+:\d+"), " at HOST:PORT"),
    (re.compile(r"PostgreSQL \d+\.\d+"), "PostgreSQL N"),
    (re.compile(r"DATABASE-\d{8}T\d{6}Z"), "BACKUP"),
    (re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?"), "DATE"),
    (re.compile(r"\d\d:\d\d:\d\d"), "HH:MM:SS"),
    (re.compile(r"\d[\d,.]* (s|ms|min|kB|MB)\b"), r"N \1"),
    (re.compile(r"\bN (s|ms|min)\b"), "TIME"),
    (re.compile(r"  +TIME"), "  TIME"),
    (re.compile(r"with \d+ jobs?"), "with N jobs"),
    (re.compile(r"\b[\d,.]+ (B|kB|MB)\b"), "N bytes"),
    (re.compile(r"N (kB|MB)"), "N bytes"),
    (re.compile(r"/\S*/(backups|rehearsals)/"), r"FOLDER/\1/"),
    (re.compile(r"DATABASE_\d\S*\.md"), "REPORT.md"),
)  # fmt: skip
"""What another run has otherwise, and what stands for it."""


@dataclass(frozen=True)
class Shown:
    status: int
    raw: str
    lines: list[str]
    """What the terminal shows at the end, trailing spaces and empty lines aside."""
    silent: float
    """The longest time without a byte, in seconds, after the first, but for what follows a word that it is waited."""

    @property
    def kept(self) -> str:
        """The lines with names for what varies, each wrapped line joined to the one before it."""
        text = "\n".join(unwrapped(line for line in self.lines if not line.startswith("Waiting for ")))
        for pattern, word in VARYING:
            text = pattern.sub(word, text)
        return text + "\n"


def unwrapped(lines: Iterable[str]) -> list[str]:
    """Join what was broken at 80 columns: the names that vary have other lengths in another run."""
    joined: list[str] = []
    length = 0
    for line in lines:
        first = line.split(maxsplit=1)[:1]
        is_path_at_the_end = joined and "/" in joined[-1].rpartition(" ")[2]
        is_alone = is_path_at_the_end or line.startswith("/")
        if joined and first and not is_alone and length + 1 + len(first[0]) > 80:
            joined[-1] += f" {line.strip()}"
        else:
            joined.append(line)
        length = len(line)
    return joined


def shown(words: list[str], folder: Path, environment: Mapping[str, str], program: str = "ourschool") -> Shown:
    with terminal() as (ours, theirs):
        process = forked.start(program, *words, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        read, last, silent = b"", 0.0, 0.0
        try:
            while part := os.read(ours, 65536):
                now = time.monotonic()
                told = read.rstrip().rpartition(b"\n")[2].startswith(b"Waiting for ")
                silent, last = max(silent, now - last if last and not told else 0.0), now
                read += part
        except OSError:  # how Linux says that the other side is closed
            pass
        status = process.wait(60)
    raw = read.decode(errors="replace")
    screen = Screen()
    screen.write(raw)
    lines = [line.rstrip() for line in screen.lines]
    while lines and not lines[-1]:
        lines.pop()
    return Shown(status, raw, lines, silent)
