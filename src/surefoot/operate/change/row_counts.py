"""Rows of each table before and after a change, and those that revisions set aside meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.catalogue.reader import BOOKKEEPING
from surefoot.database import execute_verbatim

TABLES = sa.text("""
    select relname::text as name, format('%I.%I', relnamespace::regnamespace, relname) as quoted
      from pg_class
     where relnamespace = current_schema()::regnamespace
       and relkind in ('r', 'p')
       and relname <> all (:bookkeeping)
     order by relname
""")
RETIRED = sa.text("""
    select id, what, table_name::text as table, format('retired.%I', stands_as) as quoted
      from retired.things
     where what in ('rows', 'table')
""")


@dataclass(frozen=True)
class Rows:
    """Rows by table, and by table those that are set aside in schema `retired`."""

    there: Mapping[str, int]
    retired: Mapping[str, int]

    def of(self, table: str) -> int:
        """All of them."""
        return self.there.get(table, 0) + self.retired.get(table, 0)


def count(connection: Connection) -> Rows:
    """Count them, in one read-only look."""
    tables = connection.execute(TABLES, {"bookkeeping": list(BOOKKEEPING)}).all()
    there = {row.name: _count(connection, row.quoted) for row in tables}
    retired: dict[str, int] = {}
    if connection.execute(sa.text("select to_regclass('retired.things')")).scalar_one() is not None:
        for row in connection.execute(RETIRED).all():
            retired[row.table] = retired.get(row.table, 0) + _count(connection, row.quoted)
    connection.rollback()
    return Rows(there, retired)


def missing(before: Rows, after: Rows) -> list[str]:
    """A sentence for each table that has fewer rows than before, those that were set aside counted."""
    return [
        f"{table} had {before.of(table)} rows, and {after.of(table)} are there or set aside"
        for table in sorted(before.there)
        if after.of(table) < before.of(table)
    ]


def _count(connection: Connection, quoted: str) -> int:
    return int(execute_verbatim(connection, f"select count(*) from {quoted}").scalar_one())  # noqa: S608  # by format()
