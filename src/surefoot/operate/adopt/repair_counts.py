"""Counts the rows that violate a repair beforehand, so that the operator reads it here and not in an error."""

from collections.abc import Sequence

import sqlalchemy as sa
from psycopg import errors
from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim
from surefoot.operate.adopt.adopt_findings import literal, quoted


class RowQueries:
    """Counts rows of the database of `connection`; a count is None if PostgreSQL cannot evaluate the condition."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def nulls(self, table: str, column: str) -> tuple[int | None, str]:
        """Return the number of rows with NULL in the column, and the query that shows them."""
        return self._count_and_query(f"from {quoted(table)} where {quoted(column)} is null")

    def non_nulls(self, table: str, columns: Sequence[str]) -> tuple[int | None, str]:
        """Return the number of rows with values in all of the columns, and the query that shows them."""
        return self._count_and_query(
            f"from {quoted(table)} where {' and '.join(f'{quoted(one)} is not null' for one in columns)}"
        )

    def violating(self, table: str, condition: str) -> tuple[int | None, str]:
        """Return the number of rows for which the CHECK condition is false, and the query that shows them."""
        return self._count_and_query(f"from {quoted(table)} where not ({condition})")

    def count(self, table: str) -> int | None:
        """Return the number of rows of the table."""
        return self._count_and_query(f"from {quoted(table)}")[0]

    def duplicates(
        self, table: str, keys: Sequence[str], predicate: str | None = None, *, nulls_not_distinct: bool = False
    ) -> tuple[int | None, str]:
        """Return the number of keys that more than one row has, and the query that shows them.

        `keys` and `predicate` are SQL expressions; rows with a NULL among the keys count only with
        `nulls_not_distinct`.
        """
        conditions = [] if nulls_not_distinct else [f"{key} is not null" for key in keys]
        conditions += [f"({predicate})"] if predicate else []
        where = f" where {' and '.join(conditions)}" if conditions else ""
        listed = ", ".join(keys)
        query = f"select {listed}, count(*) from {quoted(table)}{where} group by {listed} having count(*) > 1"  # noqa: S608  # quoted
        return self._count(f"select count(*) from ({query}) as twice"), f"{query};"  # noqa: S608  # as above

    def orphans(self, table: str, local: Sequence[str], other: str, remote: Sequence[str]) -> tuple[int | None, str]:
        """Return the number of rows that reference no row of `other`, and the query that shows them."""
        pairs = list(zip(map(quoted, local), map(quoted, remote), strict=True))
        set_ = " and ".join(f"one.{column} is not null" for column, _ in pairs)
        same = " and ".join(f"other.{theirs} = one.{ours}" for ours, theirs in pairs)
        return self._count_and_query(
            f"from {quoted(table)} as one where {set_} and not exists (select from {quoted(other)} as other"
            f" where {same})"
        )

    def changed_by_conversion(self, table: str, column: str, conversion: str, reverse: str) -> tuple[int | None, str]:
        """Return the number of values that `conversion` and `reverse` change, and the query that shows their rows."""
        name = quoted(column)
        return self._count_and_query(f"from {quoted(table)} where ({conversion}){reverse} is distinct from {name}")

    def refused_by_conversion(self, table: str, value: str, type_: str) -> tuple[int | None, str]:
        """Return the number of rows whose value cannot become `type_`, and the query that shows them.

        A function tries each of them, as no version before PostgreSQL 16 can be asked. It is made by the query, in
        the session of whoever runs it, and is gone with that.
        """
        tried = f"select ({value})::{type_} into ourschool_value from (select ($1).*) as one"  # noqa: S608  # quoted
        body = f"declare ourschool_value {type_}; begin {tried}; return true; "
        body += "exception when others then return false; end"
        make = f"create or replace function pg_temp.becomes({quoted(table)}) returns boolean language plpgsql as "
        make += literal(body)
        shown = f"select * from {quoted(table)} where not pg_temp.becomes({quoted(table)});"  # noqa: S608  # quoted
        try:
            with self._connection.begin_nested() as attempt:
                execute_verbatim(self._connection, make)
                count = self._count(f"select count(*) from {quoted(table)} where not pg_temp.becomes({quoted(table)})")  # noqa: S608  # as above
                attempt.rollback()
        except sa.exc.DBAPIError as fault:
            if fault.connection_invalidated:
                raise
            count = None
        return count, f"{make}; {shown}"

    def other_words(self, table: str, column: str, labels: Sequence[str]) -> tuple[int | None, str]:
        """Return the number of rows whose value, as text, is none of `labels`, and the query that shows them."""
        listed = ", ".join(map(literal, labels))
        return self._count_and_query(f"from {quoted(table)} where {quoted(column)}::text not in ({listed})")

    def rows_with_labels(self, columns: Sequence[tuple[str, str]], labels: Sequence[str]) -> int | None:
        """Return the number of rows in which one of `columns`, pairs of table and column, has one of `labels`."""
        listed_labels = ", ".join(map(literal, labels))
        total = 0
        for table, column in columns:
            query = f"select count(*) from {quoted(table)} where {quoted(column)}::text in ({listed_labels})"  # noqa: S608  # quoted
            rows = self._count(query)
            if rows is None:
                return None
            total += rows
        return total

    def _count_and_query(self, rest: str) -> tuple[int | None, str]:
        return self._count(f"select count(*) {rest}"), f"select * {rest};"

    def _count(self, query: str) -> int | None:
        try:
            with self._connection.begin_nested():
                return int(execute_verbatim(self._connection, query).scalar_one())
        except sa.exc.DBAPIError as fault:
            if fault.connection_invalidated or isinstance(fault.orig, errors.InsufficientPrivilege):
                raise
            return None
