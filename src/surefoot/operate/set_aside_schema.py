"""Schema `set_aside`, to which `adopt` of earlier versions moved unexpected tables together with their foreign keys.

Such a foreign key keeps rows of the application that the table references from being deleted.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim
from surefoot.operate.adopt.adopt_findings import quoted

SCHEMA = "set_aside"
FOREIGN_KEYS = sa.text("""
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
REFERENCING = sa.text("""
    select conrelid::regclass::text as "table", quote_ident(conname) as name
      from pg_constraint
     where contype = 'f'
       and conparentid = 0
       and confrelid = to_regclass(:name)
       and conrelid <> confrelid
       and to_regnamespace('set_aside') = (select relnamespace from pg_class where oid = confrelid)
""")


def foreign_keys(connection: Connection) -> Iterator[tuple[str, str]]:
    """Return the foreign keys between the schema and the application: a sentence and the DROP statement for each."""
    for row in connection.execute(FOREIGN_KEYS):
        yield (
            f"{row.table} points to {row.referent} by {row.name}, though it is set aside: rows of {row.referent} that "
            "it points to cannot be deleted",
            f"alter table {row.table} drop constraint {quoted(row.name)};",
        )


def drop_foreign_keys(connection: Connection, name: str) -> None:
    """Drop the foreign keys that reference the table `name` (quoted) before it is dropped, if it is in this schema.

    The application relies on none of them: everything in the schema was unexpected.
    """
    for foreign_key in connection.execute(REFERENCING, {"name": name}).all():
        execute_verbatim(connection, f"alter table {foreign_key.table} drop constraint {foreign_key.name}")
