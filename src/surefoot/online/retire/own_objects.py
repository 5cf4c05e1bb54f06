"""Whether what has a name is the running revision's own: taken back or made by it in a run that was cut off."""

from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online.executor import Steps
from surefoot.runtime import created_objects, name_owners

FOUND = """
    select pg_class.oid::bigint as oid,
           exists (select from pg_attribute where attrelid = pg_class.oid and attname = :column and attnum > 0
                      and not attisdropped) as has
      from pg_class
     where relnamespace = current_schema()::regnamespace
       and relname = :table
"""


def note(steps: Steps, kind: str, table: str, column: str | None = None) -> None:
    """Note that this revision has taken it back, inside the transaction that forgets what it was retired as."""
    if steps.direction != "unknown":
        created_objects.forget_lookup(steps.connection)
        steps.execute(str(created_objects.SET_UP))
        steps.execute(
            sql.SQL("insert into {} values ({}, {}, {}, {}::regclass, {})").format(
                sql.Identifier(created_objects.TABLE), steps.revision, steps.direction, kind,
                sql.Identifier(table).as_string(), column or table,
            )
        )  # fmt: skip


def is_ours(steps: Steps, table: str, column: str | None = None) -> bool:
    """Whether the table, or its column, is there and this revision's own; False where the name is free.

    Outside a revision nothing is anybody's own. Raises RefusedError where somebody else's has the name.
    """
    found = steps.look(FOUND, table=table, column=column or "")
    if not found or (column is not None and not found[0].has):
        return False
    kind = "relation" if column is None else "column"
    for mark in created_objects.read_created(steps.connection):
        if (mark.revision, mark.direction, mark.kind) == (steps.revision, steps.direction, kind) and (
            (mark.relation, mark.name) == (found[0].oid, column or table)
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
