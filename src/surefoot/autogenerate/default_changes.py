"""The default of a column: a change of the catalogue alone."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import sqlalchemy as sa
from alembic.operations import ops

from surefoot.autogenerate.compared_sides import Way, text
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.catalogue.relations import Column


def changed_default(way: Way, table: str, old: Column, new: Column) -> Iterator[Change]:
    """The new default, before an enum type loses the label of the old one; where it is a new label, none meanwhile."""
    change = default(way, table, new)
    was, becomes = way.current.enums.get(old.type), way.target.enums.get(new.type)
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


def default(way: Way, table: str, column: Column) -> Change:
    """What gives the column the default that it has in the target, in its author's words where there are any."""
    known = way.target.written_column(table, column.name)
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
