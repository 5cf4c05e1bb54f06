"""The default of a column: a change of the catalogue alone."""

import sqlalchemy as sa
from alembic.operations import ops

from ourschool.migrate.autogenerate.change import Change, Held, Lock, Phase
from ourschool.migrate.autogenerate.sides import Way
from ourschool.schema.relations import Column


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
        (Held(table, Lock.BRIEF, f"for the default of {column.name}"),),
    )
