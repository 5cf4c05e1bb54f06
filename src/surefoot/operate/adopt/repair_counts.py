"""How many rows stand against a repair: asked before, so that the operator reads it here and not in an error."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim
from surefoot.operate.adopt.adopt_findings import literal, quoted


class Rows:
    """Counts rows of the database of `connection`; None where PostgreSQL cannot even ask the question."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def nulls(self, table: str, column: str) -> tuple[int | None, str]:
        """Rows without a value, and the query that shows them."""
        return self._both(f"from {quoted(table)} where {quoted(column)} is null")

    def without_nulls(self, table: str, columns: Sequence[str]) -> tuple[int | None, str]:
        """Rows with a value in each of the columns, and the query that shows them."""
        return self._both(f"from {quoted(table)} where {' and '.join(f'{quoted(one)} is not null' for one in columns)}")

    def against(self, table: str, condition: str) -> tuple[int | None, str]:
        """Rows for which a CHECK is false, and the query that shows them."""
        return self._both(f"from {quoted(table)} where not ({condition})")

    def any(self, table: str) -> int | None:
        """How many rows the table has."""
        return self._both(f"from {quoted(table)}")[0]

    def duplicates(
        self, table: str, keys: Sequence[str], predicate: str | None = None, *, nulls_too: bool = False
    ) -> tuple[int | None, str]:
        """Values that more than one row has, and the query that shows them. `keys` are SQL."""
        conditions = [] if nulls_too else [f"{key} is not null" for key in keys]
        conditions += [f"({predicate})"] if predicate else []
        where = f" where {' and '.join(conditions)}" if conditions else ""
        listed = ", ".join(keys)
        query = f"select {listed}, count(*) from {quoted(table)}{where} group by {listed} having count(*) > 1"  # noqa: S608  # quoted
        return self._count(f"select count(*) from ({query}) as twice"), f"{query};"  # noqa: S608  # as above

    def orphans(self, table: str, local: Sequence[str], other: str, remote: Sequence[str]) -> tuple[int | None, str]:
        """Rows that point at nothing, and the query that shows them."""
        pairs = list(zip(map(quoted, local), map(quoted, remote), strict=True))
        set_ = " and ".join(f"one.{column} is not null" for column, _ in pairs)
        same = " and ".join(f"other.{theirs} = one.{ours}" for ours, theirs in pairs)
        return self._both(
            f"from {quoted(table)} as one where {set_} and not exists (select from {quoted(other)} as other"
            f" where {same})"
        )

    def changed_by(self, table: str, column: str, there: str, back: str) -> tuple[int | None, str]:
        """Rows whose value would not survive the way `there` and `back`, and the query that shows them."""
        name = quoted(column)
        return self._both(f"from {quoted(table)} where ({there}){back} is distinct from {name}")

    def holding(self, places: Sequence[tuple[str, str]], labels: Sequence[str]) -> int | None:
        """Rows in which a column of `places` holds one of `labels`."""
        wanted = ", ".join(map(literal, labels))
        total = 0
        for table, column in places:
            query = f"select count(*) from {quoted(table)} where {quoted(column)}::text in ({wanted})"  # noqa: S608  # quoted
            found = self._count(query)
            if found is None:
                return None
            total += found
        return total

    def _both(self, rest: str) -> tuple[int | None, str]:
        return self._count(f"select count(*) {rest}"), f"select * {rest};"

    def _count(self, query: str) -> int | None:
        try:
            with self._connection.begin_nested():
                return int(execute_verbatim(self._connection, query).scalar_one())
        except sa.exc.DBAPIError as fault:
            if getattr(fault.orig, "sqlstate", None) == "42501":
                raise  # it may not be asked; that is no count that is too hard
            return None
