"""Match the objects of both sides: by name, and by definition where only the name differs."""

from collections.abc import Collection, Iterator
from typing import Protocol, TypeVar

from surefoot.catalogue.relations import Constraint, Index


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_N = TypeVar("_N", bound=_Named)
_S = TypeVar("_S", Constraint, Index)


def changed_pairs(current: Collection[_N], target: Collection[_N]) -> Iterator[tuple[_N | None, _N | None]]:
    """Yield the current and the target object of each name, None where there is none, sorted by name.

    Equal objects are left out.
    """
    existing, expected = {one.name: one for one in current}, {other.name: other for other in target}
    for name in sorted(existing.keys() | expected.keys()):
        if existing.get(name) != expected.get(name):
            yield existing.get(name), expected.get(name)


def matched(current: Collection[_S], target: Collection[_S]) -> Iterator[tuple[_S | None, _S | None]]:
    """Yield pairs as `changed_pairs` does; an object that was only renamed is a pair of two names."""
    existing, expected = {old.name for old in current}, {new.name for new in target}
    lost = {old.shape: old for old in current if old.name not in expected}
    renamed = {new.name: lost.pop(new.shape) for new in target if new.name not in existing and new.shape in lost}
    old_names = {old.name for old in renamed.values()}
    for old, new in changed_pairs(current, target):
        if old is None and new is not None:
            yield renamed.get(new.name), new
        elif new is not None or (old is not None and old.name not in old_names):
            yield old, new
