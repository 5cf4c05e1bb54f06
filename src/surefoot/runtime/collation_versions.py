"""Collations whose version on this server is another than the one that the indexes of a database were built with.

It happens when a data folder moves to another machine or the system is upgraded. The order of texts may be another
then: an index does not find every row, and a UNIQUE one takes a duplicate. PostgreSQL says so in a warning only.
"""

from dataclasses import dataclass

from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot import database

VERSIONS = """
select current_database()::text as database,
       null as schema,
       d.datname::text as name,
       d.datcollversion as recorded,
       pg_database_collation_actual_version(d.oid) as actual
  from pg_database d
 where d.datname = current_database()
   and d.datcollversion <> coalesce(pg_database_collation_actual_version(d.oid), '')
union all
select current_database()::text,
       n.nspname,
       c.collname,
       c.collversion,
       pg_collation_actual_version(c.oid)
  from pg_collation c
  join pg_namespace n on n.oid = c.collnamespace
 where c.collversion <> coalesce(pg_collation_actual_version(c.oid), '')
   and exists (
           select
             from pg_attribute a
             join pg_class t on t.oid = a.attrelid
            where a.attcollation = c.oid
              and t.relnamespace = quote_ident(current_schema())::regnamespace
              and t.relkind in ('r', 'p', 'm', 'i', 'I')
       )
"""
"""Of the database, and of each other collation that a column or an index of the school has."""


@dataclass(frozen=True)
class Mismatch:
    """One collation, in words, and the statements that mend it."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what[0].upper()}{self.what[1:]}. {self.remedy}"


def find(connection: Connection) -> list[Mismatch]:
    """Return the collations in use that have another version now. Raises sqlalchemy.exc.DBAPIError."""
    found = []
    for row in database.execute_verbatim(connection, VERSIONS):
        kind, parts = ("database", [row.name]) if row.schema is None else ("collation", [row.schema, row.name])
        named = sql.Identifier(*parts).as_string()
        anew = sql.SQL("reindex database concurrently {};").format(sql.Identifier(row.database)).as_string()
        found.append(
            Mismatch(
                f"the indexes on text were built with version {row.recorded} of the collation of {kind} {named}, and "
                f"this server has {row.actual or 'none'}: an index may miss rows, and a unique one take a duplicate",
                f"{anew} alter {kind} {named} refresh {'collation version' if kind == 'database' else 'version'};",
            )
        )
    return found
