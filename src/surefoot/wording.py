"""Words for a person: paragraphs that stand in 80 columns, durations, sizes and times."""

import datetime as dt
from textwrap import wrap

WIDTH = 80


def paragraph(text: str, first: str = "", then: str = "") -> str:
    """`text` broken at 80 columns, `first` before its first line and `then` before the others.

    What is longer than a line, such as a name or a command, is not broken: it has to be pasted.
    """
    lines = wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines) or first.rstrip()


def counted(count: int, thing: str) -> str:
    """`count` of the thing: 1 row, 2 rows."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """How long, in the unit that fits: 0.31 s, 12 s, 4 min, 2.5 h, 3 days."""
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
    """A duration that was measured, where a thousandth of a second counts: 3.1 ms, 310 ms, 12.0 s, 4 min, 2.5 h."""
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def size(number: int) -> str:
    """Bytes in the unit that fits, with a sign where it is less than nothing: 512 B, 3.2 MB."""
    amount = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(amount) < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def utc_time(when: dt.datetime) -> str:
    """A time in UTC."""
    return when.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
