"""The short way of a table without rows: there is nothing to convert, and PostgreSQL changes the type by itself."""

import sqlalchemy as sa
from psycopg import sql

from surefoot.online.change_types.column_attributes import Traits
from surefoot.online.change_types.conversion import Change, Conversion, lock
from surefoot.online.executor import Steps
from surefoot.online.target_table import Table
from surefoot.runtime import lock_retry

# An index comes along by itself. Of the rest PostgreSQL keeps the old type's operators and casts, or refuses.
HANGS = """
select from pg_constraint c
 where c.contype in ('c', 'f')
   and (c.conrelid = :table and c.conkey && cast(:numbers as smallint[])
        or c.confrelid = :table and c.confkey && cast(:numbers as smallint[]))
union all
select from pg_depend d
 where d.refclassid = 'pg_class'::regclass
   and d.refobjid = :table
   and d.refobjsubid = any (:numbers)
   and d.classid in ('pg_trigger'::regclass, 'pg_statistic_ext'::regclass)
union all
select from pg_index i
 where i.indrelid = :table
   and (not i.indisvalid or i.indisreplident or i.indisclustered)
"""


def done(steps: Steps, conversion: Conversion, carried: tuple[Traits, ...]) -> bool:
    """Change the types in one short transaction where nobody can notice; False where the long way has to be gone.

    That is where there are rows, and where something hangs on a column that PostgreSQL does not bring along itself.
    """
    if not _simple(steps, conversion, carried) or not _empty(steps, conversion.table):
        return False

    def work() -> bool:
        with steps.transaction():
            lock(steps, conversion.table)
            if not _empty(steps, conversion.table):
                return False
            for traits in carried:
                for statement in _statements(traits):
                    steps.execute(statement)
        return True

    try:
        return steps.repeat(work)
    except sa.exc.DBAPIError as fault:
        if steps.connection.invalidated or lock_retry.is_lock_failure(fault):
            raise
        return False  # what it does not do at once is done, or refused with a reason, on the long way


def _simple(steps: Steps, conversion: Conversion, carried: tuple[Traits, ...]) -> bool:
    return (
        not any(change.thing or change.collation for change in conversion.changes)
        and not any(traits.sequence or traits.options or traits.target is not None for traits in carried)
        and not steps.look(HANGS, table=conversion.table.oid, numbers=[each.number for each in conversion.changes])
    )


def _empty(steps: Steps, table: Table) -> bool:
    return not steps.look(sql.SQL("select from {} limit 1").format(table.identifier).as_string())


def _statements(traits: Traits) -> list[sql.Composed]:
    change: Change = traits.change
    column = sql.SQL("alter table {} alter column {} ").format(change.table.identifier, change.name)
    statements = [column + sql.SQL("type {} using ({})").format(sql.SQL(change.type), sql.SQL(change.using + "\n"))]
    if traits.default is not None:
        # the old one would be cast, and name the old type for ever
        statements = [column + sql.SQL("drop default"), *statements, column + sql.SQL(f"set default {traits.default}")]
    return statements
