"""What stands in the way of a change of types: each is marked when the revision is written, not refused when it runs.

The conditions are those of `online.change_types.preflight` and of ALTER TYPE, asked of catalogues, for what a downgrade
meets is in no database yet.
"""

from collections.abc import Iterator

from surefoot.autogenerate.compared_sides import Direction, quoted
from surefoot.autogenerate.directives import Unfinished
from surefoot.autogenerate.parsed_definitions import mentions
from surefoot.autogenerate.planned_change import Change, Phase
from surefoot.catalogue.model import Catalogue, EnumType
from surefoot.catalogue.relations import Relation

HINT = (
    "no operation does this beside the users' work: drop that before and make it anew after, or, where the table is "
    "small enough to wait for, write plain statements in the place of the operation",
    "then delete this line",
)

KEPT = {"p": "primary key", "x": "exclusion constraint"}
"""The kinds of constraints that no operation builds for another type, by pg_constraint.contype."""


def of_types(direction: Direction, table: Relation, names: list[str], *, in_place: bool) -> Iterator[Change]:
    """Yield a mark for each thing that forbids another type for a column: online, or by ALTER TYPE (`in_place`)."""
    for name in names:
        for reason in _of_column(direction, table, name, in_place=in_place):
            yield _mark(f"the type of {table.name}.{name} cannot be changed by what follows: {reason}")


def of_labels(direction: Direction, enum: EnumType, users: dict[str, list[str]]) -> Iterator[Change]:
    """Yield a mark for each thing that keeps the old type of an enum whose columns move; `users` are its columns."""
    current = direction.current.catalogue
    reasons = [*_of_type(current, enum.name)]
    for table, names in users.items():
        for name in names:
            relation = direction.current.relations[table]
            reasons += [f"{table}.{name}: {reason}" for reason in _of_column(direction, relation, name, in_place=False)]
            reasons += [
                f"{table}.{name}: foreign key {each.name} joins it to a column of the type"
                for each in relation.constraints
                if each.kind == "f" and mentions(each.definition, name)
            ]
    for reason in reasons:
        yield _mark(f"the labels of {enum.name} cannot be changed by what follows: {reason}")


def _mark(what: str) -> Change:
    return Change(Phase.ASK, Unfinished(what, *HINT))


def _of_column(direction: Direction, table: Relation, name: str, *, in_place: bool) -> Iterator[str]:
    """Yield what an unchanged catalogue still has when the column's turn comes; what differs is dropped before."""
    target = direction.target.relations[table.name]
    if not in_place:
        yield from _of_table(direction.current.catalogue, table)
        for constraint in table.constraints:
            kept = constraint.kind in KEPT and constraint in target.constraints
            if kept and mentions(constraint.definition, name):
                yield f"it is part of {KEPT[constraint.kind]} {constraint.name}"
    for column in table.columns:
        if column.generated and (column.name == name or mentions(column.generated, name)):
            yield f"generated column {column.name} is made from it" if column.name != name else "it is generated"
    yield from _of_programs(direction, table, name)


def _of_programs(direction: Direction, table: Relation, name: str) -> Iterator[str]:
    """Yield the policies, rules and functions that need the column."""
    target = direction.target.relations[table.name]
    for kind, parts, others in (("policy", table.policies, target.policies), ("rule", table.rules, target.rules)):
        for part in parts:
            if part in others and mentions(part.definition, name):
                yield f"{kind} {part.name} needs it"
    for function in direction.current.catalogue.functions:
        body = function.definition
        if "BEGIN ATOMIC" in body and mentions(body, table.name) and mentions(body, name):
            yield f"function {function.name} needs it"


def _of_table(current: Catalogue, table: Relation) -> Iterator[str]:
    if table.kind != "table":
        yield f"{table.name} is a {table.kind}"
    elif table.partition_bound or table.inherits:
        yield f"{table.name} shares its rows with {', '.join(table.inherits)}"
    elif any(quoted(table.name) in other.inherits for other in current.relations):
        yield f"other tables inherit from {table.name}"
    for rule in table.rules:
        if rule.swallows:
            yield f"rule {rule.name} does something else instead of what is written"


def _of_type(current: Catalogue, enum: str) -> Iterator[str]:
    """Yield what has the type otherwise than as an ordinary column."""
    types = {quoted(enum), f"{quoted(enum)}[]"}
    for domain in current.domains:
        if domain.type in types:
            yield f"domain {domain.name} is made from it"
    for relation in current.relations:
        if relation.kind == "composite type" and any(column.type in types for column in relation.columns):
            yield f"composite type {relation.name} has it"
    for function in current.functions:
        arguments = function.name.partition("(")[2]
        returns = next((line for line in function.definition.splitlines() if line.startswith(" RETURNS ")), "")
        atomic = function.definition if "BEGIN ATOMIC" in function.definition else ""
        if any(mentions(text, enum) for text in (arguments, returns, atomic)):
            yield f"function {function.name} has it"
