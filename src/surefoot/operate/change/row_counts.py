"""Counts the rows of each table before and after a change, including those that revisions retired in between."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.catalogue.reader import BOOKKEEPING
from surefoot.database import execute_verbatim
from surefoot.runtime import shared_retired

TABLES = sa.text("""
    select relname::text as name, format('%I.%I', current_schema(), relname) as quoted
      from pg_class
     where relnamespace = quote_ident(current_schema())::regnamespace
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
class RowCounts:
    """Rows by table, and the retired rows in schema `retired` by their original table."""

    present: Mapping[str, int]
    retired: Mapping[str, int]

    def total(self, table: str) -> int:
        """Return the rows of `table`, retired ones included."""
        return self.present.get(table, 0) + self.retired.get(table, 0)


def count(connection: Connection) -> RowCounts:
    """Count the rows of all tables of the application. Ends the transaction of `connection`."""
    tables = connection.execute(TABLES, {"bookkeeping": list(BOOKKEEPING)}).all()
    present = {row.name: _count(connection, row.quoted) for row in tables}
    retired: dict[str, int] = {}
    ours = shared_retired.other_owner(connection) is None
    if ours and connection.execute(sa.text("select to_regclass('retired.things')")).scalar_one() is not None:
        for row in connection.execute(RETIRED).all():
            retired[row.table] = retired.get(row.table, 0) + _count(connection, row.quoted)
    connection.rollback()
    return RowCounts(present, retired)


def missing(before: RowCounts, after: RowCounts) -> list[str]:
    """Return a sentence for each table that has fewer rows than before, retired ones included."""
    return [
        f"{table} had {before.total(table)} rows, and {after.total(table)} are there or set aside"
        for table in sorted(before.present)
        if after.total(table) < before.total(table)
    ]


def _count(connection: Connection, quoted: str) -> int:
    return int(execute_verbatim(connection, f"select count(*) from {quoted}").scalar_one())  # noqa: S608  # by format()
