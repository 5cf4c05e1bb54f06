"""Tell which changes of a column's type PostgreSQL makes in its catalogue alone, and which rewrite the table."""

import re
from dataclasses import dataclass
from enum import StrEnum

_ARGUMENTS = re.compile(r"\((?P<arguments>[\d, -]+)\)")
_GROWING = frozenset({"character varying", "bit varying"})
_TIMED = frozenset(
    {"timestamp without time zone", "timestamp with time zone", "time without time zone", "time with time zone"}
)
_ALIKE = (frozenset({"text", "character varying"}), frozenset({"smallint", "integer", "bigint"}))
_UNORDERED = frozenset({"json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"})
ZONES = frozenset({"timestamp without time zone", "timestamp with time zone"})


class RewriteCost(StrEnum):
    """What a change of type costs."""

    NONE = "none"
    """Only the system catalogue changes."""
    NONE_UNDER_UTC = "none under UTC"
    """The same where the session's TimeZone is UTC; an index on the column is rebuilt."""
    REWRITE = "rewrite"
    """Every row is rewritten or checked under ACCESS EXCLUSIVE."""


@dataclass(frozen=True)
class Type:
    """A type as `format_type` prints it: `numeric(10,2)` has the base `numeric` and the arguments 10 and 2."""

    base: str
    arguments: tuple[int, ...]

    @classmethod
    def read(cls, text: str) -> "Type":
        """Parse the text."""
        match = _ARGUMENTS.search(text)
        numbers = tuple(int(number) for number in match["arguments"].split(",")) if match else ()
        return cls(_ARGUMENTS.sub("", text, count=1), numbers)


def cost(old: str, new: str) -> RewriteCost:
    """Return what the change of a column from type `old` to `new` costs, both as `format_type` prints them.

    The rules are PostgreSQL's (ATColumnChangeRequiresRewrite and the support functions of the length coercions). A
    change that is not known to be free counts as a rewrite.
    """
    one, other = Type.read(old), Type.read(new)
    if one == other:
        return RewriteCost.NONE
    if {one.base, other.base} == ZONES:
        return RewriteCost.NONE_UNDER_UTC if not other.arguments else RewriteCost.REWRITE
    free = (
        (other.base == "text" and one.base == "character varying")
        or (one.base == "text" and other == Type("character varying", ()))
        or (one == Type("cidr", ()) and other.base == "inet")
        or (one.base == other.base and _wider(one, other))
    )
    return RewriteCost.NONE if free else RewriteCost.REWRITE


def narrows(old: str, new: str) -> bool:
    """Return whether the new type is of the same kind but may be too narrow for a value."""
    one, other = Type.read(old), Type.read(new)
    strings = {"text", "character varying", "character"}
    if one.base in strings and other.base in strings:
        return bool(other.arguments) and not (one.arguments and _not_less(one.arguments, other.arguments))
    return one.base == other.base and one != other and not _wider(one, other)


def alike(old: str, new: str) -> bool:
    """Return whether an expression that takes a value of the old type takes one of the new type as well."""
    one, other = Type.read(old).base, Type.read(new).base
    return one == other or any({one, other} <= kinds for kinds in _ALIKE)


def is_unordered(kind: str) -> bool:
    """Return whether no index of the usual kind can be on a column of the type."""
    return Type.read(kind).base in _UNORDERED


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
    """Return whether there is no new limit, or it is at least the old one."""
    return not new or (bool(old) and new >= old)
