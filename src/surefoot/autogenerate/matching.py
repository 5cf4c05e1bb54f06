"""Which thing of one side is which of the other: by name, and by what it says where only the name differs."""

from collections.abc import Collection, Iterator
from typing import Protocol, TypeVar

from surefoot.catalogue.relations import Constraint, Index


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_N = TypeVar("_N", bound=_Named)
_S = TypeVar("_S", Constraint, Index)


def pairs(current: Collection[_N], target: Collection[_N]) -> Iterator[tuple[_N | None, _N | None]]:
    """Each name with what it is now and what it shall be, in order of name; equal ones are left out."""
    there, wanted = {one.name: one for one in current}, {other.name: other for other in target}
    for name in sorted(there.keys() | wanted.keys()):
        if there.get(name) != wanted.get(name):
            yield there.get(name), wanted.get(name)


def matched(current: Collection[_S], target: Collection[_S]) -> Iterator[tuple[_S | None, _S | None]]:
    """The same; one that lost its name to an equal one under a new name comes as a pair of two names."""
    there, wanted = {old.name for old in current}, {new.name for new in target}
    lost = {old.shape: old for old in current if old.name not in wanted}
    renamed = {new.name: lost.pop(new.shape) for new in target if new.name not in there and new.shape in lost}
    gone = {old.name for old in renamed.values()}
    for old, new in pairs(current, target):
        if old is None and new is not None:
            yield renamed.get(new.name), new
        elif new is not None or (old is not None and old.name not in gone):
            yield old, new
