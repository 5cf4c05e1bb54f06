"""Which change of a column's type PostgreSQL makes in its catalogue alone, and which one writes the table anew."""

import re
from dataclasses import dataclass
from enum import StrEnum

_ARGUMENTS = re.compile(r"\((?P<arguments>[\d, -]+)\)")
_GROWING = frozenset({"character varying", "bit varying"})
_TIMED = frozenset(
    {"timestamp without time zone", "timestamp with time zone", "time without time zone", "time with time zone"}
)
ZONES = frozenset({"timestamp without time zone", "timestamp with time zone"})


class Work(StrEnum):
    """What a change of type costs."""

    NONE = "none"
    """The catalogue is changed, and nothing else."""
    NONE_UNDER_UTC = "none under UTC"
    """The same, if the session's time zone is UTC; an index on the column is built anew."""
    REWRITE = "rewrite"
    """Every row is written anew, or looked at, while nobody else gets to the table."""


@dataclass(frozen=True)
class Type:
    """A type as `format_type` prints it: `numeric(10,2)` has the base `numeric` and the arguments 10 and 2."""

    base: str
    arguments: tuple[int, ...]

    @classmethod
    def read(cls, text: str) -> "Type":
        """The type from its text."""
        found = _ARGUMENTS.search(text)
        numbers = tuple(int(number) for number in found["arguments"].split(",")) if found else ()
        return cls(_ARGUMENTS.sub("", text, count=1), numbers)


def work(old: str, new: str) -> Work:
    """What it costs to make a column of type `old` one of type `new`, both as `format_type` prints them.

    From PostgreSQL's own rules (ATColumnChangeRequiresRewrite and the support functions of the length coercions);
    what is not known to be free is taken for a rewrite.
    """
    one, other = Type.read(old), Type.read(new)
    if one == other:
        return Work.NONE
    if {one.base, other.base} == ZONES:
        return Work.NONE_UNDER_UTC if not other.arguments else Work.REWRITE
    free = (
        (other.base == "text" and one.base == "character varying")
        or (one.base == "text" and other == Type("character varying", ()))
        or (one == Type("cidr", ()) and other.base == "inet")
        or (one.base == other.base and _wider(one, other))
    )
    return Work.NONE if free else Work.REWRITE


def narrows(old: str, new: str) -> bool:
    """Whether values may not fit the new type, although it is of the same kind."""
    one, other = Type.read(old), Type.read(new)
    strings = {"text", "character varying", "character"}
    if one.base in strings and other.base in strings:
        return bool(other.arguments) and not (one.arguments and _not_less(one.arguments, other.arguments))
    return one.base == other.base and one != other and not _wider(one, other)


def _wider(one: Type, other: Type) -> bool:
    if one.base in _GROWING or one.base in _TIMED:
        return _not_less(one.arguments, other.arguments)
    if one.base == "numeric":
        if not other.arguments:
            return True
        (old, old_scale), (new, new_scale) = ((*each.arguments, 0, 0)[:2] for each in (one, other))
        return bool(one.arguments) and old_scale == new_scale and new >= old
    return False


def _not_less(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    """Whether the new limit is none, or at least the old one."""
    return not new or (bool(old) and new >= old)
