"""A column's type: changed in the catalogue where PostgreSQL needs no more, else beside the users' work."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.operations import ops

from surefoot.autogenerate import parsed_definitions, table_rewrites
from surefoot.autogenerate.compared_sides import Way, quoted
from surefoot.autogenerate.default_changes import default
from surefoot.autogenerate.directives import Ask, Filled, Remark, Sql, placeholder, variable_for
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.autogenerate.table_rewrites import Work
from surefoot.catalogue.relations import Column, Relation
from surefoot.online.change_types.operation import ChangeTypesOnlineOp


@dataclass(frozen=True)
class _Conversion:
    """How values get to the new type, and back; `ask` is what only the author knows of it."""

    using: str
    back: str
    ask: tuple[Ask, ...]


def type_changes(way: Way, current: Relation, pairs: Iterable[tuple[Column, Column]]) -> Iterator[Change]:
    """What gives the columns of one table their new types: all that need it in one pass."""
    online: dict[str, tuple[Column, Column]] = {}
    for old, new in pairs:
        if (old.type, old.collation) == (new.type, new.collation) or _by_its_enum(way, old, new):
            continue
        work = _work(current, old, new)
        if not way.upgrading and _work(way.target.relations[current.name], new, old) is Work.REWRITE:
            work = Work.REWRITE  # the upgrade has set the old values aside: they come back as they were
        if work is Work.REWRITE:
            online[new.name] = (old, new)
        else:
            yield from _plain(way, current.name, new, work)
    if online:
        yield from _online(way, current.name, online)


def changing_columns(way: Way, table: str) -> Iterator[str]:
    """The columns of a table that get another type, or whose enum type gets other labels: those may be copied, too."""
    current, target = way.current.relations.get(table), way.target.relations.get(table)
    wanted = {column.name: column for column in target.columns} if target else {}
    for old in current.columns if current else ():
        new = wanted.get(old.name)
        if new is not None and ((old.type, old.collation) != (new.type, new.collation) or _other_labels(way, new)):
            yield old.name


def _other_labels(way: Way, column: Column) -> bool:
    was, becomes = way.current.enums.get(column.type), way.target.enums.get(column.type)
    return bool(was and becomes and was.labels != becomes.labels)


def _by_its_enum(way: Way, old: Column, new: Column) -> bool:
    """Whether the type has the same name on both sides: its labels are changed, not the column."""
    return old.type == new.type and old.collation == new.collation and new.type in way.target.enums


def _work(table: Relation, old: Column, new: Column) -> Work:
    """What the change costs, with what hangs on the column: an index built or a CHECK looked at anew is work, too."""
    work = table_rewrites.work(old.type, new.type)
    indexed = any(parsed_definitions.mentions(index.definition, old.name) for index in table.indexes)
    checked = any(
        constraint.kind == "c" and parsed_definitions.mentions(constraint.definition, old.name)
        for constraint in table.constraints
    )
    if checked or (indexed and (work is Work.NONE_UNDER_UTC or old.collation != new.collation)):
        return Work.REWRITE
    return work


def _plain(way: Way, table: str, new: Column, work: Work) -> Iterator[Change]:
    held = (HeldLock(table, Lock.BRIEF, f"for the type of {new.name}"),)
    if work is Work.NONE_UNDER_UTC:
        zone = Sql("set local timezone = 'UTC'")
        yield Change(
            Phase.CHANGE_TYPE,
            Remark("The values are UTC, and under UTC PostgreSQL changes the catalogue and rewrites nothing."),
        )
        yield Change(Phase.CHANGE_TYPE, zone)
    kind = way.target.written_type(table, new)
    operation: ops.MigrateOperation = ops.AlterColumnOp(table, new.name, modify_type=kind)
    if isinstance(kind, str):
        operation = Sql(f"alter table {quoted(table)} alter column {quoted(new.name)} type {kind}")
    yield Change(
        Phase.CHANGE_TYPE,
        operation,
        held,
        f"{table}.{new.name} keeps its values; no row is written.",
    )
    if work is Work.NONE_UNDER_UTC:
        yield Change(Phase.CHANGE_TYPE, Sql("reset timezone"))


def _online(way: Way, table: str, pairs: dict[str, tuple[Column, Column]]) -> Iterator[Change]:
    changes: dict[str, tuple[Any, str, str]] = {}
    variables = []
    for name, (old, new) in pairs.items():
        found = _conversion(way, table, old, new)
        for ask in found.ask:
            variables.append(ask.variable)
            yield Change(Phase.ASK, ask)
        for line in _warnings(table, old, new):
            yield Change(Phase.CHANGE_TYPE, Remark(line))
        changes[name] = (way.target.written_type(table, new), found.using, found.back)
    operation: ops.MigrateOperation = ChangeTypesOnlineOp(table, changes)
    if variables:
        operation = Filled(operation, variables)
    ways = {name: using if using not in map(placeholder, variables) else "what the author wrote"
            for name, (_, using, _) in changes.items()}  # fmt: skip
    for old, new in pairs.values():
        if new.default is not None and new.default == old.default:  # the copy has the same value, in other words
            yield default(way, table, new)
    converted = ", ".join(f"{name} becomes {new.type} by {ways[name]}" for name, (_, new) in pairs.items())
    yield Change(
        Phase.CHANGE_TYPE,
        operation,
        (HeldLock(table, Lock.BRIEF, f"to swap {', '.join(pairs)}"), HeldLock(table, Lock.ROWS)),
        f"{table}: {converted}; the values as they were are retired, and come back with the other direction.",
    )


def _conversion(way: Way, table: str, old: Column, new: Column) -> _Conversion:
    enums = frozenset(way.current.enums) | frozenset(way.target.enums)
    column = quoted(new.name)
    asks: dict[str, Ask] = {}

    def way_from(one: Column, other: Column, word: str) -> str:
        expression = way.facts.conversion(column, one.type, other.type, enums)
        if expression is not None:
            return expression
        variable = variable_for(table, new.name, *([] if word == "to" else ["back"]))
        asks[variable] = Ask(
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
