"""The deviations of a database from an expected catalogue, as lines for a person and as JSON for a program."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import takewhile

from surefoot.catalogue.relations import Rule

LONGEST = 160
"""Characters of a value that a line shows. Of a longer value the line shows the part that differs."""

# The values of these attributes need no label: "expected not null" says enough.
_UNLABELLED = frozenset({"definition", "nullability", "valid", "cycle"})


class Kind(StrEnum):
    """Whether an expected object is missing or different, or an object is there that was not expected."""

    MISSING = "missing"
    DIFFERENT = "different"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True)
class Sides:
    """The object as each side has it (None where that side lacks it), and the name of the table that it belongs to."""

    expected: object | None
    found: object | None
    table: str | None = None


@dataclass(frozen=True)
class Deviation:
    """One deviation of one object.

    `what` is the object's label, as in `column users.email`. `attribute` is set only where both sides have the object
    and one attribute differs. `expected` and `found` are the values as text; for a missing or unexpected object its
    summary.
    """

    kind: Kind
    what: str
    attribute: str | None
    expected: str | None
    found: str | None
    sides: Sides = field(default=Sides(None, None), compare=False, repr=False)
    """The objects themselves, for code that writes a repair. They are neither compared nor printed."""

    def __str__(self) -> str:
        return " ".join(self._text().split())

    @property
    def is_addition(self) -> bool:
        """Return whether an object is there in addition to what was expected, and takes nothing away from that."""
        return self.kind is Kind.UNEXPECTED and not (isinstance(self.sides.found, Rule) and self.sides.found.swallows)

    def as_json(self) -> dict[str, str | None]:
        """Return the deviation as a JSON object, with its values uncut."""
        return {
            "kind": self.kind.value,
            "what": self.what,
            "attribute": self.attribute,
            "expected": self.expected,
            "found": self.found,
        }

    def _text(self) -> str:
        if self.kind is Kind.MISSING:
            return f"{self.what}: missing (expected {_cut(self.expected or '')})"
        if self.kind is Kind.UNEXPECTED:
            return f"{self.what}: unexpected (found {_cut(self.found or '')})"
        label = "" if self.attribute in _UNLABELLED else f"{self.attribute} "
        where, expected, found = _first_difference(self.expected or "none", self.found or "none")
        return f"{self.what}: {where}expected {label}{expected}, found {found}"


@dataclass(frozen=True)
class Difference:
    """All deviations of one catalogue from another. It is true when there is at least one."""

    deviations: tuple[Deviation, ...]

    def __bool__(self) -> bool:
        return bool(self.deviations)

    @property
    def lacking(self) -> tuple[Deviation, ...]:
        """Return what was expected and is missing or different, and rules by which a table does not take its rows."""
        return tuple(deviation for deviation in self.deviations if not deviation.is_addition)

    @property
    def beyond(self) -> tuple[Deviation, ...]:
        """Return what is there and was not expected, such as an index that an administrator added."""
        return tuple(deviation for deviation in self.deviations if deviation.is_addition)

    def lines(self) -> tuple[str, ...]:
        """Return each deviation as one line of text."""
        return tuple(map(str, self.deviations))

    def as_json(self) -> list[dict[str, str | None]]:
        """Return each deviation as a JSON object."""
        return [deviation.as_json() for deviation in self.deviations]


def _cut(text: str, start: int = 0) -> str:
    """Return at most LONGEST characters of `text`, beginning a little before `start`."""
    start = max(0, min(start - LONGEST // 4, len(text) - LONGEST))
    end = start + LONGEST
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _first_difference(expected: str, found: str) -> tuple[str, str, str]:
    """Return where two values begin to differ (`line 3: `, or nothing), and the part of each that differs."""
    where = ""
    if "\n" in expected and "\n" in found:
        lines = (expected.splitlines(), found.splitlines())
        number = _common_length(*lines)
        where = f"line {number + 1}: "
        expected, found = (line[number].strip() if number < len(line) else "no more" for line in lines)
    start = _common_length(expected, found)
    return where, _cut(expected, start), _cut(found, start)


def _common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the common beginning of two texts or lists of lines."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
