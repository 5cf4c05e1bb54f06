"""Tell whether a table or column was restored or created by the running revision, in an interrupted run."""

from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online.executor import Steps
from surefoot.runtime import created_objects, name_owners

RELATION = """
    select pg_class.oid::bigint as oid,
           exists (select from pg_attribute where attrelid = pg_class.oid and attname = :column and attnum > 0
                      and not attisdropped) as has
      from pg_class
     where relnamespace = quote_ident(current_schema())::regnamespace
       and relname = :table
"""


def record_restored(steps: Steps, kind: str, table: str, column: str | None = None) -> None:
    """Record that this revision has restored it, inside the transaction that deletes its item.

    `kind` is 'relation' or 'column'.
    """
    if steps.direction != "unknown":
        created_objects.forget_lookup(steps.connection)
        steps.execute(str(created_objects.SET_UP))
        steps.execute(
            sql.SQL("insert into {} values ({}, {}, {}, {}::regclass, {})").format(
                sql.Identifier(created_objects.TABLE), steps.revision, steps.direction, kind,
                sql.Identifier(table).as_string(), column or table,
            )
        )  # fmt: skip


def is_own(steps: Steps, table: str, column: str | None = None) -> bool:
    """Return whether the table or column exists and is this revision's own; False where the name is free.

    Raises RefusedError where it is not its own. Outside of a revision that is always so.
    """
    rows = steps.fetch(RELATION, table=table, column=column or "")
    if not rows or (column is not None and not rows[0].has):
        return False
    kind = "relation" if column is None else "column"
    for mark in created_objects.read_created(steps.connection):
        if (mark.revision, mark.direction, mark.kind) == (steps.revision, steps.direction, kind) and (
            (mark.relation, mark.name) == (rows[0].oid, column or table)
        ):
            return True
    if steps.script is not None and name_owners.made_before_cut_off(steps.connection, steps.script, table, column):
        return True
    called = f"table {table}" if column is None else f"column {table}.{column}"
    makes = "brings back" if steps.direction == "downgrade" else "makes"
    raise RefusedError(
        f"Revision {steps.revision} {makes} {called}, and there is one already that it did not make or set aside.",
        "Rename it, or remove it where nobody needs it, and run the same command again; the one that is there was not "
        "touched.",
    )
