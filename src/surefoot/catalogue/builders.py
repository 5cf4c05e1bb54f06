"""Builds a catalogue from the rows of `catalogue_queries.CATALOGUE`: parts sorted by name, expressions normalised."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from surefoot.catalogue.model import Catalogue, Domain, EnumType, Function, Grant, Owner, Sequence
from surefoot.catalogue.normalise import expression, routine, single_view
from surefoot.catalogue.relations import Column, Constraint, Index, Policy, Relation, Rule, Statistics, Trigger

PRINTED = ("definition", "default", "generated", "partition_key", "partition_bound")
"""The fields that hold an expression as PostgreSQL printed it."""
_Row = dict[str, Any]  # the keys are the fields of the dataclass; "relation" is the table that the part belongs to
_T = TypeVar("_T")


def build_catalogue(parts: Mapping[str, list[_Row] | None]) -> Catalogue:
    """Return the catalogue from the rows of each of `catalogue_queries.PARTS`; a part without rows is None or missing.

    Rules and statistics are missing in the catalogues that were released before they were read.
    """
    rows = {part: listed or [] for part, listed in parts.items()}
    columns = _by_relation(rows["columns"], lambda row: Column(**row))
    constraints = _by_relation(rows["constraints"], _constraint)
    indexes = _by_relation(rows["indexes"], lambda row: Index(**row))
    triggers = _by_relation(rows["triggers"], lambda row: Trigger(**row))
    policies = _by_relation(rows["policies"], lambda row: Policy(**row))
    rules = _by_relation(rows.get("rules", []), lambda row: Rule(**row))
    statistics = _by_relation(rows.get("statistics", []), lambda row: Statistics(**row))
    relations = (
        Relation(
            **_relation(row),
            columns=columns[row["name"]],
            constraints=constraints[row["name"]],
            indexes=indexes[row["name"]],
            triggers=triggers[row["name"]],
            policies=policies[row["name"]],
            rules=rules[row["name"]],
            statistics=statistics[row["name"]],
        )
        for row in rows["relations"]
    )
    return Catalogue(
        relations=_in_order(relations),
        enums=_in_order(_enum(row) for row in rows["enums"]),
        domains=_in_order(_domain(row) for row in rows["domains"]),
        sequences=_in_order(_sequence(row) for row in rows["sequences"]),
        functions=_in_order(Function(**row | {"definition": routine(row["definition"])}) for row in rows["functions"]),
        grants=tuple(sorted(Grant(**row) for row in rows["grants"])),
    )


def _by_relation(rows: Iterable[_Row], build: Callable[[_Row], _T]) -> Mapping[str, tuple[_T, ...]]:
    """Group the parts by the name of their relation; a relation without any has an empty tuple."""
    grouped: dict[str, list[_T]] = defaultdict(list)
    for row in rows:
        grouped[row.pop("relation")].append(build(_normalised(row)))
    return defaultdict(tuple, {relation: _in_order(values) for relation, values in grouped.items()})


def _in_order(values: Iterable[_T]) -> tuple[_T, ...]:
    """Sort by name: here and not on the server, because collations differ between servers."""
    return tuple(sorted(values, key=attrgetter("name")))


def _normalised(row: _Row) -> _Row:
    """Return the row with each expression in the form that survives a dump and restore."""
    return row | {name: expression(text) for name in PRINTED if (text := row.get(name)) is not None}


def _relation(row: _Row) -> _Row:
    """Return the fields of the relation itself, without its columns, constraints and so on."""
    fields = _normalised(row)
    if fields.pop("verbose"):
        fields["definition"] = single_view(fields["definition"])
    return fields | {"inherits": tuple(row["inherits"]), "options": tuple(row["options"])}


def _constraint(row: _Row) -> Constraint:
    """Build a constraint without NOT VALID in its definition: the field `valid` has that."""
    return Constraint(**(row | {"definition": row["definition"].removesuffix(" NOT VALID")}))


def _enum(row: _Row) -> EnumType:
    return EnumType(**(row | {"labels": tuple(row["labels"])}))


def _domain(row: _Row) -> Domain:
    return Domain(**(_normalised(row) | {"checks": tuple(map(expression, row["checks"]))}))


def _sequence(row: _Row) -> Sequence:
    return Sequence(**(row | {"owner": Owner(**row["owner"]) if row["owner"] else None}))
