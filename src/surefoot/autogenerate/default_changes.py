"""Change the default of a column, which no row depends on."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import sqlalchemy as sa
from alembic.operations import ops

from surefoot.autogenerate.compared_sides import Direction
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.catalogue.relations import Column


def changed_default(direction: Direction, table: str, old: Column, new: Column) -> Iterator[Change]:
    """Yield the change of the default, in the right order with a change of its enum type's labels.

    A default that is a removed label is replaced before; where the new one is an added label, there is none meanwhile.
    """
    change = default(direction, table, new)
    was, becomes = direction.current.enum(old.type), direction.target.enum(new.type)
    if was is None or becomes is None or not _names(old, set(was.labels) - set(becomes.labels)):
        yield change
    elif new.default is None or not _names(new, set(becomes.labels) - set(was.labels)):
        yield replace(change, phase=Phase.CLEAR_CONSTRAINT)
    else:
        none = ops.AlterColumnOp(table, new.name, modify_server_default=None)
        yield replace(change, phase=Phase.CLEAR_CONSTRAINT, operation=none)
        yield change


def kept_defaults(direction: Direction, arrays: Mapping[str, Iterable[str]]) -> Iterator[Change]:
    """Yield the defaults of arrays whose enum type changes, by table: the converted ones may have another text."""
    for table, names in arrays.items():
        for name in names:
            old, new = direction.current.column(table, name), direction.target.column(table, name)
            if old is not None and new is not None and new.default is not None and new.default == old.default:
                yield default(direction, table, new)


def _names(column: Column, labels: Iterable[str]) -> bool:
    """Return whether the default has one of the labels, in an array as well; where in doubt, it does."""
    written = (column.default or "").replace("''", "'")
    return any(re.search(rf"(?<!\w){re.escape(label)}(?!\w)", written) for label in labels)


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
