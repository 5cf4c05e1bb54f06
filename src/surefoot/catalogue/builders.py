"""From the rows of `queries.CATALOGUE` to values: hung on their relations, in order of name, in one printed form."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from surefoot.catalogue.model import Catalogue, Domain, EnumType, Function, Grant, Owner, Sequence
from surefoot.catalogue.normalise import expression, single_view
from surefoot.catalogue.relations import Column, Constraint, Index, Policy, Relation, Trigger

_Row = dict[str, Any]  # as PostgreSQL made it: the keys are the dataclass's fields, and "relation" what it hangs on
_T = TypeVar("_T")


def build_catalogue(parts: Mapping[str, list[_Row] | None]) -> Catalogue:
    """The catalogue from the rows of each of `queries.PARTS`; a part without rows is None."""
    rows = {part: found or [] for part, found in parts.items()}
    columns = _by_relation(rows["columns"], lambda row: Column(**row))
    constraints = _by_relation(rows["constraints"], _constraint)
    indexes = _by_relation(rows["indexes"], lambda row: Index(**row))
    triggers = _by_relation(rows["triggers"], lambda row: Trigger(**row))
    policies = _by_relation(rows["policies"], lambda row: Policy(**row))
    relations = (
        Relation(
            **_relation(row),
            columns=columns[row["name"]],
            constraints=constraints[row["name"]],
            indexes=indexes[row["name"]],
            triggers=triggers[row["name"]],
            policies=policies[row["name"]],
        )
        for row in rows["relations"]
    )
    return Catalogue(
        relations=_in_order(relations),
        enums=_in_order(_enum(row) for row in rows["enums"]),
        domains=_in_order(_domain(row) for row in rows["domains"]),
        sequences=_in_order(_sequence(row) for row in rows["sequences"]),
        functions=_in_order(Function(**row) for row in rows["functions"]),
        grants=tuple(sorted(Grant(**row) for row in rows["grants"])),
    )


def _by_relation(rows: Iterable[_Row], build: Callable[[_Row], _T]) -> Mapping[str, tuple[_T, ...]]:
    """The values of each relation, by its name; nothing for a relation without any."""
    grouped: dict[str, list[_T]] = defaultdict(list)
    for row in rows:
        grouped[row.pop("relation")].append(build(_settled(row)))
    return defaultdict(tuple, {relation: _in_order(values) for relation, values in grouped.items()})


def _in_order(values: Iterable[_T]) -> tuple[_T, ...]:
    """Sorted here and not by the server, whose collations differ."""
    return tuple(sorted(values, key=attrgetter("name")))


def _settled(row: _Row) -> _Row:
    """The row with each expression in the form that survives a dump and restore."""
    printed = {"definition", "default", "generated"} & row.keys()
    return row | {name: expression(row[name]) for name in printed if row[name] is not None}


def _relation(row: _Row) -> _Row:
    """The fields of a relation of its own, without those that hang on it."""
    settled = _settled(row)
    if settled.pop("verbose"):
        settled["definition"] = single_view(settled["definition"])
    return settled | {"inherits": tuple(row["inherits"]), "options": tuple(row["options"])}


def _constraint(row: _Row) -> Constraint:
    """`valid` says it already; the definition must not say it a second time."""
    return Constraint(**(row | {"definition": row["definition"].removesuffix(" NOT VALID")}))


def _enum(row: _Row) -> EnumType:
    return EnumType(**(row | {"labels": tuple(row["labels"])}))


def _domain(row: _Row) -> Domain:
    return Domain(**(_settled(row) | {"checks": tuple(map(expression, row["checks"]))}))


def _sequence(row: _Row) -> Sequence:
    return Sequence(**(row | {"owner": Owner(**row["owner"]) if row["owner"] else None}))
