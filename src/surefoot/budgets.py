"""What an upgrade may cost those who use the database, and how a revision says that it needs more.

`OURSCHOOL_BUDGET` sets the limits, `readers=1 writers=5 rewritten=1000000 seconds=3600 lost=off`; what is not named
keeps its default. A revision that needs more says so in a comment of its file, with its reason:

    # budget: readers=3 room_plans has forty rows in every school
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from surefoot.errors import UsageError

ITEM = re.compile(r"(?P<name>[a-z]+)=(?P<limit>off|\d+(?:\.\d+)?)(?:\s+|$)")
COMMENT = re.compile(r"#\s*budget:\s*(?P<text>.*)")


@dataclass(frozen=True)
class Budget:
    """The limits of one upgrade; None is no limit. The defaults fit a day on which the school is open."""

    readers: float | None = 1
    """Seconds in which a table cannot be read, in one transaction."""
    writers: float | None = 5
    """Seconds in which rows of a table cannot be written, in one transaction."""
    rewritten: float | None = 1_000_000
    """Rows that one revision rewrites with their tables."""
    seconds: float | None = 3600
    """Seconds that all revisions take together."""
    lost: float | None = None
    """Rows and values that the way back does not bring."""

    def raised(self, limits: Mapping[str, float | None]) -> "Budget":
        """Return the budget of a revision that asks for these limits. One that asks for less than it has keeps that."""
        return replace(self, **{name: _higher(getattr(self, name), limit) for name, limit in limits.items()})


NO_LIMITS = Budget(**{each.name: None for each in fields(Budget)})


def _higher(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)


def read(text: str, variable: str) -> Budget:
    """Return the budget that a setting asks for. Raises UsageError for what is no limit; `variable` is its name."""
    limits, rest = _limits(text.strip())
    if rest:
        raise UsageError(
            f"{variable} has {rest.split()[0]!r}, which is no limit.",
            f"Write any of {', '.join(f'{each.name}=NUMBER' for each in fields(Budget))}; off is no limit.",
        )
    return replace(Budget(), **limits)


@dataclass(frozen=True)
class Raise:
    """A comment in a revision: what it asks for, and why."""

    limits: Mapping[str, float | None]
    reason: str


def raises_in(source: str) -> list[Raise]:
    """Return the comments of a revision's source that ask for more."""
    import io  # noqa: PLC0415  # an application that only asks for the head must not wait for it
    import tokenize  # noqa: PLC0415

    comments = (
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    )
    return [Raise(*_limits(match["text"].strip())) for match in map(COMMENT.match, comments) if match]


def _limits(text: str) -> tuple[dict[str, float | None], str]:
    """Return the limits at the beginning of a text, and what follows them."""
    known = {each.name for each in fields(Budget)}
    limits: dict[str, float | None] = {}
    while (match := ITEM.match(text)) and match["name"] in known:
        limits[match["name"]] = None if match["limit"] == "off" else float(match["limit"])
        text = text[match.end() :]
    return limits, text
