"""Change the default of a column, which no row depends on."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import sqlalchemy as sa
from alembic.operations import ops

from surefoot.autogenerate.compared_sides import Direction, quoted
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.catalogue.relations import Column

LITERAL = re.compile(r"'(?:[^']|'')*'::.*|-?\d+(?:\.\d+)?|true|false")
"""A default that is one value, as PostgreSQL prints it."""


def changed_default(direction: Direction, table: str, old: Column, new: Column) -> Iterator[Change]:
    """Yield the change of the default, in the right order with a change of its type or of its enum type's labels.

    One that the new type does not take is replaced before; where the new one needs the new type, there is none between.
    """
    change = default(direction, table, new)
    was, becomes = direction.current.enum(old.type), direction.target.enum(new.type)
    relabelled = was is not None and becomes is not None and old.type == new.type
    if relabelled and was and becomes and _names(old, set(was.labels) - set(becomes.labels)):
        waits = new.default is not None and _names(new, set(becomes.labels) - set(was.labels))
    elif old.type != new.type and not _converts(direction, old, new):
        waits = new.default is not None
    else:
        yield change
        return
    if waits:
        none = ops.AlterColumnOp(table, new.name, modify_server_default=None)
        yield replace(change, phase=Phase.CLEAR_CONSTRAINT, operation=none)
        yield change
    else:
        yield replace(change, phase=Phase.CLEAR_CONSTRAINT)


def _converts(direction: Direction, old: Column, new: Column) -> bool:
    """Return whether the old default can become one of the new type, as a change of types makes of it."""
    if old.default is None:
        return True
    enums = frozenset(direction.current.enums) | frozenset(direction.target.enums)
    using = direction.server.conversion(quoted(new.name), old.type, new.type, enums)
    if not LITERAL.fullmatch(old.default):  # it is assigned as it stands
        return using is not None and not using.startswith(f"{quoted(new.name)}::")
    held = f"select ({old.default})::{old.type} as {quoted(new.name)}"
    query = f"select ({using})::{new.type} from ({held}) as held"  # noqa: S608  # of the catalogue alone
    return using is not None and direction.server.computes(query)


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
