"""A table's rows as they will be when the operations before have run: each column by what makes it of the present row.

What nobody can tell, such as a column that is filled meanwhile, is left out: whoever needs it cannot be asked yet.
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
from surefoot.online.change_types.preflight import Wanted
from surefoot.online.executor import Steps
from surefoot.online.retire import column_retirement
from surefoot.online.target_table import Table


class RowsUnknown(Exception):
    """What a later operation will meet is not known yet: it asks for itself when its turn comes."""


@dataclass
class FutureTable:
    """What the operations so far make of one table."""

    name: str
    columns: dict[str, sql.Composable | None] = field(default_factory=dict)
    """Those that will be otherwise than they are, by expression; None where that is not known."""
    types: list[Mapping[str, Wanted]] = field(default_factory=list)
    """Changes of types that were not looked at yet."""
    rows_change: bool = False
    """Whether rows come or go, or it is not this table at all that will have the name."""
    rules_go: bool = False
    """Whether a constraint or an index goes, so that what hangs on a column is not what it will be."""

    def unknown(self, *columns: str) -> None:
        """From now on nobody can tell what is in these columns."""
        self.columns |= dict.fromkeys(columns, None)

    def table(self, steps: Steps) -> Table:
        """The table with its rows as they will be. Raises CannotTell, and UsageError where there is none yet."""
        if self.rows_change:
            raise RowsUnknown
        found = target_table.find(steps, self.name)
        while self.types:
            self._convert(steps, self.types.pop(0))
        if not self.columns:
            return found
        there = {name: sql.Identifier(found.name, name) for name in found.columns} | self.columns
        parts = [sql.SQL("{} as {}").format(made, sql.Identifier(name)) for name, made in there.items() if made]
        return dataclasses.replace(found, coming=sql.SQL(", ").join(parts))

    def conversion(self, steps: Steps, wanted: Mapping[str, Wanted]) -> Conversion:
        """A change of types of the present rows. Raises CannotTell where one of its expressions reads what changes."""
        table = self.table(steps)
        texts = [text for each in wanted.values() for text in (each.using, each.back)]
        if any(name in wanted or any(mentions(text, name) for text in texts) for name in self.columns):
            raise RowsUnknown
        plain = dataclasses.replace(table, coming=None)
        plain.needs(wanted)
        return preflight.changes(steps, plain, wanted)

    def _convert(self, steps: Steps, wanted: Mapping[str, Wanted]) -> None:
        try:
            conversion = self.conversion(steps, wanted)
        except (RowsUnknown, SurefootError):
            self.unknown(*wanted)
        else:
            self.columns |= {
                change.column: sql.SQL("({})::{}").format(conversion.value(change), sql.SQL(change.type))
                for change in conversion.changes
            }

    def comes_back(self, steps: Steps, column: str) -> bool:
        """Note that a retired column comes back; whether the operation will say so."""
        thing = column_retirement.retired(steps, self.name, column, back=True)
        if thing is None:
            return column_retirement.is_there(steps, self.name, column)
        value: sql.Composable = sql.Identifier(self.name, thing.stands_as)
        default = thing.definitions["default"]
        if default is not None and thing.definitions["not_null"]:
            value = sql.SQL("coalesce({}, {})").format(value, sql.SQL(default))
        self.columns[column] = value
        return True
