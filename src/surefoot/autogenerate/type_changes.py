"""Change the types of columns: by ALTER COLUMN where PostgreSQL rewrites nothing, else online."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.operations import ops

from surefoot.autogenerate import hindrances, parsed_definitions, table_rewrites
from surefoot.autogenerate.compared_sides import Direction, quoted, text
from surefoot.autogenerate.default_changes import default
from surefoot.autogenerate.directives import FillIn, Remark, Sql, WithVariables, placeholder, variable_for
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.autogenerate.table_rewrites import RewriteCost
from surefoot.catalogue.relations import Column, Relation
from surefoot.online.change_types.operation import ChangeTypesOnlineOp


@dataclass(frozen=True)
class _Conversion:
    """The SQL expressions of the new values and of the old ones; `ask` are those that the author has to write."""

    using: str
    back: str
    ask: tuple[FillIn, ...]


def type_changes(direction: Direction, current: Relation, pairs: Iterable[tuple[Column, Column]]) -> Iterator[Change]:
    """Yield the changes of types of one table; all that rewrite rows are one operation."""
    online: dict[str, tuple[Column, Column]] = {}
    for old, new in pairs:
        if (old.type, old.collation) == (new.type, new.collation):
            continue
        cost = _cost(current, old, new)
        if not direction.upgrading and _cost(direction.target.relations[current.name], new, old) is RewriteCost.REWRITE:
            cost = RewriteCost.REWRITE  # the upgrade has retired the old values, which the downgrade restores
        if cost is RewriteCost.REWRITE:
            online[new.name] = (old, new)
        else:
            yield from hindrances.of_types(direction, current, [new.name], in_place=True)
            yield from _in_place(direction, current.name, new, cost)
    if online:
        yield from hindrances.of_types(direction, current, list(online), in_place=False)
        yield from _online(direction, current.name, online)


def changing_columns(direction: Direction, table: str) -> Iterator[str]:
    """Yield the columns of a table whose type changes, or whose enum type gets other labels: they are replaced too."""
    current, target = direction.current.relations.get(table), direction.target.relations.get(table)
    expected = {column.name: column for column in target.columns} if target else {}
    for old in current.columns if current else ():
        new = expected.get(old.name)
        if new is not None and (
            (old.type, old.collation) != (new.type, new.collation) or _other_labels(direction, new)
        ):
            yield old.name


def _other_labels(direction: Direction, column: Column) -> bool:
    was, becomes = direction.current.enum(column.type), direction.target.enum(column.type)
    return bool(was and becomes and was.labels != becomes.labels)


def outlives_changes(direction: Direction, table: str, definition: str) -> bool:
    """Return whether an index or a unique constraint goes with the columns as they become, and is built for them.

    One on bare columns does; in an expression or predicate the new type has to be of the old one's kind, and no label
    of an enum may be named that goes.
    """
    current, target = direction.current.relations[table], direction.target.relations[table]
    expected = {column.name: column for column in target.columns}
    changing = set(changing_columns(direction, table))
    for old in current.columns:
        if old.name not in changing or not parsed_definitions.mentions(definition, old.name):
            continue
        was, becomes = direction.current.enum(old.type), direction.target.enum(expected[old.name].type)
        if was and becomes and was.name == becomes.name:
            if any(text(label) in definition for label in set(was.labels) - set(becomes.labels)):
                return False
        elif table_rewrites.is_unordered(expected[old.name].type) or (
            parsed_definitions.computes(definition) and not table_rewrites.alike(old.type, expected[old.name].type)
        ):
            return False
    return True


def _cost(table: Relation, old: Column, new: Column) -> RewriteCost:
    """Return what the change costs, including indexes that are rebuilt and CHECKs that are validated again.

    ALTER TYPE rebuilds an index with an expression or a predicate whatever the types are, and refuses a column that a
    trigger names.
    """
    cost = table_rewrites.cost(old.type, new.type)
    indexes = [each.definition for each in table.indexes if parsed_definitions.mentions(each.definition, old.name)]
    rules = [each.definition for each in table.constraints if each.kind == "c"]
    triggers = [each.definition for each in table.triggers]
    needed = any(parsed_definitions.mentions(each, old.name) for each in (*rules, *triggers))
    if needed or any(map(parsed_definitions.computes, indexes)):
        return RewriteCost.REWRITE
    if indexes and (cost is RewriteCost.NONE_UNDER_UTC or old.collation != new.collation):
        return RewriteCost.REWRITE
    return cost


def _in_place(direction: Direction, table: str, new: Column, cost: RewriteCost) -> Iterator[Change]:
    locks = (HeldLock(table, Lock.BRIEF, f"for the type of {new.name}"),)
    if cost is RewriteCost.NONE_UNDER_UTC:
        zone = Sql("set local timezone = 'UTC'")
        yield Change(
            Phase.CHANGE_TYPE,
            Remark("The values are UTC, and under UTC PostgreSQL changes the catalogue and rewrites nothing."),
        )
        yield Change(Phase.CHANGE_TYPE, zone)
    kind = direction.target.sqlalchemy_type(table, new)
    operation: ops.MigrateOperation = ops.AlterColumnOp(table, new.name, modify_type=kind)
    if isinstance(kind, str):
        operation = Sql(f"alter table {quoted(table)} alter column {quoted(new.name)} type {kind}")
    yield Change(
        Phase.CHANGE_TYPE,
        operation,
        locks,
        f"{table}.{new.name} keeps its values; no row is written.",
    )
    if cost is RewriteCost.NONE_UNDER_UTC:
        yield Change(Phase.CHANGE_TYPE, Sql("reset timezone"))


def _online(direction: Direction, table: str, pairs: dict[str, tuple[Column, Column]]) -> Iterator[Change]:
    changes: dict[str, tuple[Any, str, str]] = {}
    variables = []
    for name, (old, new) in pairs.items():
        conversion = _conversion(direction, table, old, new)
        for ask in conversion.ask:
            variables.append(ask.variable)
            yield Change(Phase.ASK, ask)
        for line in _warnings(table, old, new):
            yield Change(Phase.CHANGE_TYPE, Remark(line))
        changes[name] = (direction.target.sqlalchemy_type(table, new), conversion.using, conversion.back)
    operation: ops.MigrateOperation = ChangeTypesOnlineOp(table, changes)
    if variables:
        operation = WithVariables(operation, variables)
    ways = {name: using if using not in map(placeholder, variables) else "what the author wrote"
            for name, (_, using, _) in changes.items()}  # fmt: skip
    for old, new in pairs.values():
        if new.default is not None and new.default == old.default:  # the converted one has another text
            yield default(direction, table, new)
    converted = ", ".join(f"{name} becomes {new.type} by {ways[name]}" for name, (_, new) in pairs.items())
    yield Change(
        Phase.CHANGE_TYPE,
        operation,
        (HeldLock(table, Lock.BRIEF, f"to swap {', '.join(pairs)}"), HeldLock(table, Lock.ROWS)),
        f"{table}: {converted}; the values as they were are retired, and come back with the other direction.",
    )


def _conversion(direction: Direction, table: str, old: Column, new: Column) -> _Conversion:
    enums = frozenset(direction.current.enums) | frozenset(direction.target.enums)
    column = quoted(new.name)
    asks: dict[str, FillIn] = {}

    def way_from(one: Column, other: Column, word: str) -> str:
        expression = direction.server.conversion(column, one.type, other.type, enums)
        if expression is not None:
            return expression
        variable = variable_for(table, new.name, *([] if word == "to" else ["back"]))
        asks[variable] = FillIn(
            variable,
            f"{table}.{new.name} from {one.type} to {other.type}",
            f"how {column} of type {one.type} becomes {other.type}, as SQL: PostgreSQL knows no cast",
        )
        return placeholder(variable)

    using, back = way_from(old, new, "to"), way_from(new, old, "back")
    return _Conversion(using, back, tuple(asks.values()))


def _warnings(table: str, old: Column, new: Column) -> Iterator[str]:
    if table_rewrites.narrows(old.type, new.type):
        if "char" in new.type:
            yield f"A value of {table}.{new.name} longer than {new.type} stops this; nothing is cut."
        else:
            yield f"Values of {table}.{new.name} are rounded to {new.type}; one that does not fit stops this."
