"""Compares two catalogues: `compare` lists each deviation once, without the deviations that follow from it."""

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, ClassVar, Protocol, TypeVar

from surefoot.catalogue.differences import Deviation, Difference, Kind, Sides
from surefoot.catalogue.model import Catalogue, Owner, Sequence
from surefoot.catalogue.operators_own import without_own_storage
from surefoot.catalogue.relations import Column, Constraint, Index, Relation

_PARTS = frozenset({"columns", "constraints", "indexes", "triggers", "policies", "rules", "statistics"})
_SIMPLE = re.compile(r"[a-z_][a-z0-9_$]*")


class _Part(Protocol):
    """An object of a catalogue: a dataclass with a name and a summary."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...


_P = TypeVar("_P", bound=_Part)
_Shaped = TypeVar("_Shaped", Constraint, Index)


def compare(expected: Catalogue, found: Catalogue) -> Difference:
    """Return every deviation of `found` from `expected`.

    There is none exactly when the two are equal but for storage parameters that are the operator's own.

    An object that is missing or unexpected is one deviation together with what belongs to it: a table with its columns,
    a constraint with its index, an identity column with its sequence. A renamed constraint or index is one deviation.
    """
    relations = (_relation(*pair) for pair in _pairs(expected.relations, found.relations))
    return Difference(
        (
            *(deviation for deviations in relations for deviation in deviations),
            *_each(expected.enums, found.enums, lambda enum: f"enum {_quoted(enum.name)}"),
            *_each(expected.domains, found.domains, lambda domain: f"domain {_quoted(domain.name)}"),
            *_sequences(expected, found),
            *_each(expected.functions, found.functions, lambda function: f"{function.kind} {function.name}"),
        )
    )


def _relation(expected: Relation | None, found: Relation | None) -> Iterator[Deviation]:
    if expected == found:  # true of nearly all, and much faster than comparing each part
        return
    if expected is None or found is None:
        yield from _compared(expected, found, _relation_label)
        return
    if expected.kind != found.kind:
        sides = Sides(expected, found)
        yield Deviation(Kind.DIFFERENT, _relation_label(expected), "kind", expected.kind, found.kind, sides)
        return
    found = without_own_storage(expected, found)
    yield from _compared(expected, found, _relation_label, skip=_PARTS)
    table = _quoted(expected.name)
    if expected.definition == found.definition:  # the columns of a view follow from its query
        yield from _each(
            expected.columns, found.columns, lambda column: f"column {table}.{_quoted(column.name)}", expected.name
        )
    constraints, renamed = _match_renamed(expected.constraints, found.constraints)
    yield from (_rename("constraint", expected.name, *pair) for pair in renamed)
    yield from _each(expected.constraints, constraints, _on("constraint", table), expected.name)
    yield from _indexes(table, expected, found)
    yield from _each(expected.triggers, found.triggers, _on("trigger", table), expected.name)
    yield from _each(expected.policies, found.policies, _on("policy", table), expected.name)
    yield from _each(expected.rules, found.rules, _on("rule", table), expected.name)
    yield from _each(expected.statistics, found.statistics, _on("statistics", table), expected.name)


def _indexes(table: str, expected: Relation, found: Relation) -> Iterator[Deviation]:
    """Compare the indexes, except those that back a constraint which deviates itself."""
    definitions = [{(each.name, each.definition) for each in side.constraints} for side in (expected, found)]
    deviating = {name for name, _ in definitions[0] ^ definitions[1]}
    reported = {index.name for index in (*expected.indexes, *found.indexes) if index.constraint in deviating}
    ours, theirs = ([i for i in relation.indexes if i.name not in reported] for relation in (expected, found))
    indexes, renamed = _match_renamed(ours, theirs)
    yield from (_rename("index", expected.name, *pair) for pair in renamed)
    yield from _each(ours, indexes, _on("index", table), expected.name)


def _sequences(expected: Catalogue, found: Catalogue) -> Iterator[Deviation]:
    """Compare the sequences, except those whose owning column, or its identity, is reported already."""
    ours, theirs = _columns(expected), _columns(found)

    def reported(sequence: Sequence | None) -> bool:
        if sequence is None or sequence.owner is None:
            return False
        one, other = ours.get(sequence.owner), theirs.get(sequence.owner)
        return one is None or other is None or one.identity != other.identity

    for pair in _pairs(expected.sequences, found.sequences):
        if all(pair) or not any(map(reported, pair)):
            yield from _compared(*pair, lambda sequence: f"sequence {_quoted(sequence.name)}")


def _columns(catalogue: Catalogue) -> dict[Owner, Column]:
    return {
        Owner(relation.name, column.name): column for relation in catalogue.relations for column in relation.columns
    }


def _match_renamed(
    expected: Collection[_Shaped], found: Collection[_Shaped]
) -> tuple[list[_Shaped], list[tuple[_Shaped, _Shaped]]]:
    """Return `found` with the expected name where only the name differs, and the renamed pairs (expected, found)."""
    expected_names, found_names = {one.name for one in expected}, {other.name for other in found}
    missing = {one.shape: one for one in expected if one.name not in found_names}
    matched, renamed = [], []
    for other in found:
        one = None if other.name in expected_names else missing.pop(other.shape, None)
        if one is None:
            matched.append(other)
        else:
            matched.append(dataclasses.replace(other, name=one.name, definition=one.definition))
            renamed.append((one, other))
    return matched, renamed


def _rename(what: str, table: str, one: _Shaped, other: _Shaped) -> Deviation:
    label = _on(what, _quoted(table))(one)
    return Deviation(Kind.DIFFERENT, label, "name", _quoted(one.name), _quoted(other.name), Sides(one, other, table))


def _on(what: str, table: str) -> Callable[[_Part], str]:
    return lambda part: f"{what} {_quoted(part.name)} on {table}"


def _each(
    expected: Iterable[_P], found: Iterable[_P], label: Callable[[_P], str], table: str | None = None
) -> Iterator[Deviation]:
    for pair in _pairs(expected, found):
        yield from _compared(*pair, label, table=table)


def _pairs(expected: Iterable[_P], found: Iterable[_P]) -> Iterator[tuple[_P | None, _P | None]]:
    ours, theirs = {one.name: one for one in expected}, {other.name: other for other in found}
    for name in sorted(ours.keys() | theirs.keys()):
        yield ours.get(name), theirs.get(name)


def _compared(
    expected: _P | None,
    found: _P | None,
    label: Callable[[_P], str],
    *,
    skip: Collection[str] = (),
    table: str | None = None,
) -> Iterator[Deviation]:
    """Yield one deviation for an object that one side lacks, else one for each attribute that differs."""
    sides = Sides(expected, found, table)
    if expected is None or found is None:
        if expected is not None:
            yield Deviation(Kind.MISSING, label(expected), None, expected.summary, None, sides)
        if found is not None:
            yield Deviation(Kind.UNEXPECTED, label(found), None, None, found.summary, sides)
        return
    for attribute in (field.name for field in dataclasses.fields(expected) if field.name not in skip):
        one, other = getattr(expected, attribute), getattr(found, attribute)
        if one != other:
            words = attribute.replace("_", " ")
            shown = _shown(words, one), _shown(words, other)
            yield Deviation(Kind.DIFFERENT, label(expected), words, *shown, sides)


def _shown(words: str, value: object) -> str | None:
    if isinstance(value, bool):
        return words if value else f"not {words}"
    if isinstance(value, tuple):
        return ", ".join(value) or None
    return None if value is None else str(value)


def _relation_label(relation: Relation) -> str:
    return f"{relation.kind} {_quoted(relation.name)}"


def _quoted(name: str) -> str:
    """Quote `name` as SQL does where it is not a plain identifier."""
    return name if _SIMPLE.fullmatch(name) else '"' + name.replace('"', '""') + '"'
