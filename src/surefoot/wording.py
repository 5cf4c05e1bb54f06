"""Formats text for a terminal: paragraphs of 80 columns, counts, durations, sizes and times."""

import datetime as dt
from collections.abc import Sequence
from textwrap import wrap

WIDTH = 80
JSON_VERSION = 1
"""Of what commands print as JSON: it rises where a field goes away or means something else, not where one is added."""


def paragraph(text: str, first: str = "", then: str = "") -> str:
    """Wrap `text` at 80 columns, with `first` before its first line and `then` before the others.

    A word that is longer than a line is not broken, so that names and commands can be pasted.
    """
    lines = wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines) or first.rstrip()


def counted(count: int, noun: str) -> str:
    """Return the count with its noun in the singular or plural: 1 row, 1,234 rows."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def verb(count: int) -> str:
    """Return the verb of a count: 1 was, 2 were."""
    return "was" if count == 1 else "were"


def listed(words: Sequence[str]) -> str:
    """Return the words as a list in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def duration(seconds: float) -> str:
    """Return a duration in a fitting unit: 0.31 s, 12 s, 4 min, 2.5 h, 3 days."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.0f} days"


def measured(seconds: float) -> str:
    """Return a measured duration, with milliseconds: 3.1 ms, 310 ms, 12.0 s, 4 min, 2.5 h. `seconds` may be small."""
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def size(number: int) -> str:
    """Return a number of bytes in a fitting decimal unit, with a minus sign where it is negative: 512 B, 3.2 MB."""
    amount = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(amount) < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def utc_time(when: dt.datetime) -> str:
    """Return the time in UTC: 2026-11-28 14:32:05. `when` is aware."""
    return when.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def announcement(where: str, source: str) -> str:
    """Return the first line of a command: the database, as `school at localhost:5432`, and where its URL comes from."""
    return f"Database {where} (URL from {source})." if source else f"Database {where}."
