"""Change the default of a column, which no row depends on."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import sqlalchemy as sa
from alembic.operations import ops

from surefoot.autogenerate.compared_sides import Direction, text
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.catalogue.relations import Column


def changed_default(direction: Direction, table: str, old: Column, new: Column) -> Iterator[Change]:
    """Yield the change of the default, in the right order with a change of its enum type's labels.

    A default that is a removed label is replaced before; where the new one is an added label, there is none meanwhile.
    """
    change = default(direction, table, new)
    was, becomes = direction.current.enums.get(old.type), direction.target.enums.get(new.type)
    if was is None or becomes is None or not _names(old, set(was.labels) - set(becomes.labels)):
        yield change
    elif new.default is None or _names(new, was.labels):
        yield replace(change, phase=Phase.CLEAR_CONSTRAINT)
    else:
        none = ops.AlterColumnOp(table, new.name, modify_server_default=None)
        yield replace(change, phase=Phase.CLEAR_CONSTRAINT, operation=none)
        yield change


def _names(column: Column, labels: Iterable[str]) -> bool:
    return any((column.default or "").startswith(f"{text(label)}::") for label in labels)


def default(direction: Direction, table: str, column: Column) -> Change:
    """Return the change that sets the target's default, as the author wrote it where the models have it."""
    known = direction.target.sqlalchemy_column(table, column.name)
    clause = known.server_default if known is not None else None
    if column.default is None:
        clause = None
    elif not isinstance(clause, sa.DefaultClause):
        clause = sa.DefaultClause(sa.text(column.default))
    return Change(
        Phase.ALTER,
        ops.AlterColumnOp(table, column.name, modify_server_default=clause),
        (HeldLock(table, Lock.BRIEF, f"for the default of {column.name}"),),
    )
