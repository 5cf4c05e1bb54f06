"""Schema `set_aside`, where adopt of earlier versions moved what was not expected, and its foreign keys with it.

A row of the application's that such a table points to cannot be deleted.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim
from surefoot.operate.adopt.adopt_findings import quoted

SCHEMA = "set_aside"
HELD = sa.text("""
    select conrelid::regclass::text as "table", conname::text as name, confrelid::regclass::text as referent
      from pg_constraint
     where contype = 'f'
       and conparentid = 0
       and to_regnamespace('set_aside') in (
               (select relnamespace from pg_class where oid = conrelid),
               (select relnamespace from pg_class where oid = confrelid))
       and (select relnamespace from pg_class where oid = conrelid)
           <> (select relnamespace from pg_class where oid = confrelid)
     order by 1, 2
""")
TIES = sa.text("""
    select conrelid::regclass::text as "table", quote_ident(conname) as name
      from pg_constraint
     where contype = 'f'
       and conparentid = 0
       and confrelid = to_regclass(:name)
       and conrelid <> confrelid
       and to_regnamespace('set_aside') = (select relnamespace from pg_class where oid = confrelid)
""")


def foreign_keys(connection: Connection) -> Iterator[tuple[str, str]]:
    """What still ties the application's tables to the schema, each with the statement that lets go of it."""
    for row in connection.execute(HELD):
        yield (
            f"{row.table} points to {row.referent} by {row.name}, though it is set aside: rows of {row.referent} that "
            "it points to cannot be deleted",
            f"alter table {row.table} drop constraint {quoted(row.name)};",
        )


def let_go(connection: Connection, name: str) -> None:
    """Drop the foreign keys that point to the table, before it is dropped; nothing where it is in another schema.

    `name` is its quoted name. What was moved there is not the application's, so nothing of it relies on it.
    """
    for tie in connection.execute(TIES, {"name": name}).all():
        execute_verbatim(connection, f"alter table {tie.table} drop constraint {tie.name}")
