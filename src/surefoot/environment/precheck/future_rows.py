"""The rows of a table as they will be when earlier operations have run: each column as an expression over present rows.

A column whose future values cannot be known, such as one that is backfilled, is left out.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg import sql

from surefoot.autogenerate.parsed_definitions import mentions
from surefoot.errors import SurefootError
from surefoot.online import target_table
from surefoot.online.change_types import preflight
from surefoot.online.change_types.conversion import Conversion
from surefoot.online.change_types.preflight import RequestedType
from surefoot.online.executor import Steps
from surefoot.online.retire import column_retirement
from surefoot.online.target_table import Table


class RowsUnknown(Exception):
    """A check needs rows that are not known yet. The operation itself checks them when it runs."""


@dataclass
class FutureTable:
    """One table as the operations that were checked so far will leave it."""

    name: str
    columns: dict[str, sql.Composable | None] = field(default_factory=dict)
    """The expression of each column whose values will change; None where they cannot be known."""
    types: list[Mapping[str, RequestedType]] = field(default_factory=list)
    """Changes of column types that are not yet part of `columns`, by column."""
    rows_change: bool = False
    """Whether rows are added or removed, or another table will have the name."""
    stands_as: str | None = None
    """The name in schema `retired` of a table that will be restored with its rows."""
    constraints_dropped: bool = False
    """Whether a constraint or an index is dropped, so that a column will have other dependent objects."""

    @property
    def changes(self) -> bool:
        """Return whether constraints, rows or values change in a way that may matter to a retired object."""
        unknown = any(expression is None for expression in self.columns.values())
        other = self.rows_change or self.stands_as is not None
        return self.constraints_dropped or other or bool(self.types) or unknown

    def set_unknown(self, *columns: str) -> None:
        """Note that the future values of these columns cannot be known."""
        self.columns |= dict.fromkeys(columns, None)

    def with_future_rows(self, steps: Steps) -> Table:
        """Return the table with its rows as they will be.

        Raises RowsUnknown, and UsageError where the table does not exist yet.
        """
        if self.rows_change:
            raise RowsUnknown
        if self.stands_as is not None:
            table = target_table.find_retired(steps, self.name, self.stands_as)
        else:
            table = target_table.find(steps, self.name)
        while self.types:
            self._convert(steps, self.types.pop(0))
        if not self.columns:
            return table
        future = {name: sql.Identifier(table.name, name) for name in table.columns} | self.columns
        parts = [sql.SQL("{} as {}").format(value, sql.Identifier(name)) for name, value in future.items() if value]
        return dataclasses.replace(table, future_columns=sql.SQL(", ").join(parts))

    def conversion(self, steps: Steps, wanted: Mapping[str, RequestedType]) -> Conversion:
        """Return a change of column types of the present rows.

        Raises RowsUnknown where one of its expressions reads a column that changes, and what `preflight` refuses.
        """
        table = self.with_future_rows(steps)
        texts = [text for each in wanted.values() for text in (each.using, each.back)]
        if any(name in wanted or any(mentions(text, name) for text in texts) for name in self.columns):
            raise RowsUnknown
        plain = dataclasses.replace(table, future_columns=None)
        plain.require_columns(wanted)
        return preflight.plan(steps, plain, wanted)

    def _convert(self, steps: Steps, wanted: Mapping[str, RequestedType]) -> None:
        try:
            conversion = self.conversion(steps, wanted)
        except (RowsUnknown, SurefootError):
            self.set_unknown(*wanted)
        else:
            self.columns |= {
                change.column: sql.SQL("({})::{}").format(conversion.value(change), sql.SQL(change.type))
                for change in conversion.changes
            }

    def restore_column(self, steps: Steps, column: str) -> bool:
        """Note that a retired column is restored; return what the operation will return."""
        item = column_retirement.find_retired(steps, self.name, column, by_opposite=True)
        if item is None:
            return column_retirement.exists(steps, self.name, column)
        value: sql.Composable = sql.Identifier(self.name, item.stands_as)
        default = item.definitions["default"]
        if default is not None and item.definitions["not_null"]:
            value = sql.SQL("coalesce({}, {})").format(value, sql.SQL(default))
        self.columns[column] = value
        return True
