"""One way in which a database differs from what was expected, as a line for a person and as data for a program."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import takewhile

LONGEST = 160
"""Characters of a value that still fit a line; of a longer one the part that differs is shown."""

# Attributes whose values say by themselves what they are of.
_PLAIN = frozenset({"definition", "nullability", "valid", "cycle"})


class Kind(StrEnum):
    """How something deviates."""

    MISSING = "missing"
    DIFFERENT = "different"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True)
class Sides:
    """The thing itself as each side has it, None where that side lacks it, and the table that it hangs on."""

    expected: object | None
    found: object | None
    table: str | None = None


@dataclass(frozen=True)
class Deviation:
    """One deviation. `attribute` is set where the thing is there and one of its attributes differs."""

    kind: Kind
    what: str
    attribute: str | None
    expected: str | None
    found: str | None
    sides: Sides = field(default=Sides(None, None), compare=False, repr=False)
    """For who wants to repair it; no part of what it says."""

    def __str__(self) -> str:
        return " ".join(self._text().split())

    def as_json(self) -> dict[str, str | None]:
        """The deviation with its values in full."""
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
        label = "" if self.attribute in _PLAIN else f"{self.attribute} "
        where, expected, found = _apart(self.expected or "none", self.found or "none")
        return f"{self.what}: {where}expected {label}{expected}, found {found}"


@dataclass(frozen=True)
class Difference:
    """All deviations of one catalogue from another; true when there is any."""

    deviations: tuple[Deviation, ...]

    def __bool__(self) -> bool:
        return bool(self.deviations)

    @property
    def lacking(self) -> tuple[Deviation, ...]:
        """What was expected and is missing or different."""
        return tuple(deviation for deviation in self.deviations if deviation.kind is not Kind.UNEXPECTED)

    @property
    def beyond(self) -> tuple[Deviation, ...]:
        """What is there although nothing expected it, such as an index that somebody added."""
        return tuple(deviation for deviation in self.deviations if deviation.kind is Kind.UNEXPECTED)

    def lines(self) -> tuple[str, ...]:
        """Each deviation as one line."""
        return tuple(map(str, self.deviations))

    def as_json(self) -> list[dict[str, str | None]]:
        """Each deviation as an object that json can write."""
        return [deviation.as_json() for deviation in self.deviations]


def _cut(text: str, start: int = 0) -> str:
    """`text` from a little before `start`, no longer than a line holds."""
    start = max(0, min(start - LONGEST // 4, len(text) - LONGEST))
    end = start + LONGEST
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _apart(expected: str, found: str) -> tuple[str, str, str]:
    """Where two values part, and what each says there: the first line that differs of a text of several lines."""
    where = ""
    if "\n" in expected and "\n" in found:
        lines = (expected.splitlines(), found.splitlines())
        number = _alike(*lines)
        where = f"line {number + 1}: "
        expected, found = (line[number].strip() if number < len(line) else "no more" for line in lines)
    start = _alike(expected, found)
    return where, _cut(expected, start), _cut(found, start)


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many members two texts, or two lists of lines, share before they part."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
