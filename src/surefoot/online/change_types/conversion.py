"""What happens to each column whose type changes: where its new values stand, what they are, which rows lack them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from surefoot.online.executor import Steps
from surefoot.online.retired_registry import RetiredItem, within
from surefoot.online.target_table import Table

PREFIX = "__changing_"
"""Of everything that stands in a table only while a change of type is under way."""


@dataclass(frozen=True)
class Change:
    """One column on its way to another type."""

    table: Table
    column: str
    number: int
    old_type: str
    type: str
    """As PostgreSQL prints it."""
    collation: str | None
    """Of the column, where it is not that of its type."""
    using: str
    back: str
    not_null: bool
    not_null_valid: bool
    not_null_name: str | None
    target: str
    """The column that takes over: a new one, or the one that the other direction of this revision retired."""
    thing: RetiredItem | None

    @property
    def name(self) -> sql.Identifier:
        """The column, quoted."""
        return sql.Identifier(self.column)

    @property
    def successor(self) -> sql.Identifier:
        """The column that takes over, quoted."""
        return sql.Identifier(self.target)

    @property
    def called(self) -> str:
        """What an error calls it."""
        return f"{self.table.name}.{self.column}"

    def mark(self, revision: str) -> str:
        """The comment on a new column: whose it is and what for; one with another mark is of another change."""
        how = hashlib.sha256(f"{self.type} {self.collation} {self.using}".encode()).hexdigest()[:12]
        return f"ourschool: revision {revision} gives {self.called} the type {self.type} ({how})"


@dataclass(frozen=True)
class Conversion:
    """All columns of one table that change together."""

    table: Table
    changes: tuple[Change, ...]

    def value(self, change: Change) -> sql.Composable:
        """The new value of a row; one that stood in the retired column, and still fits, is left as it is."""
        if change.thing is None:
            return given(change.using)
        return sql.SQL("case when {} then ({})::{} else {} end").format(
            self._outdated(change), given(change.using), sql.SQL(change.type), change.successor
        )

    def pending(self) -> sql.Composable:
        """The rows where a column's new value is missing."""
        return sql.SQL("({})").format(
            sql.SQL(" or ").join(
                sql.SQL("({} is null and {} is not null)").format(change.successor, given(change.using))
                if change.thing is None
                else self._outdated(change)
                for change in self.changes
            )
        )

    def update(self, within_: sql.Composable) -> sql.Composable:
        """The statement that gives the rows of one range their new values."""
        return sql.SQL("update {} set {} where {} and {}").format(
            self.table.identifier,
            sql.SQL(", ").join(sql.SQL("{} = {}").format(c.successor, self.value(c)) for c in self.changes),
            within_,
            self.pending(),
        )

    def _outdated(self, change: Change) -> sql.Composable:
        """Whether the retired value no longer stands for the present one; compared as stored, json has no equality.

        A column that is made anew beside it is not there yet when this is first asked: its value is worked out.
        """
        table, changed = self.table.identifier, {c.column: c for c in self.changes}
        targets = {c.target for c in self.changes}
        row = sql.SQL(", ").join(
            sql.SQL("{} as {}").format(self._comes(table, column, changed.get(column)), sql.Identifier(column))
            for column in self.table.columns
            if column not in targets
        )
        return sql.SQL("row((select {}::{} from (select {}) as {}))::record *<> row({}.{})::record").format(
            given(change.back), sql.SQL(change.old_type), row, table, table, change.name
        )

    @staticmethod
    def _comes(table: sql.Identifier, column: str, change: Change | None) -> sql.Composed:
        if change is not None and change.thing is None:
            return sql.SQL("{}::{}").format(given(change.using), sql.SQL(change.type))
        name = change.successor if change is not None else sql.Identifier(column)
        return sql.SQL("{}.{}").format(table, name)


def given(expression: str) -> sql.Composed:
    """An expression of the author's, in parentheses that a comment at its end cannot swallow."""
    return sql.SQL("({}\n)").format(sql.SQL(expression))


def temporary(revision: str, name: str) -> str:
    """What stands for `name` while the change of `revision` is under way."""
    return within(f"{PREFIX}{revision}_{name}")


def lock(steps: Steps, table: Table, others: Sequence[str] = ()) -> None:
    """Lock the table, and `others` (quoted), inside a transaction; each waits its share of lock_timeout only.

    Who queues behind the first lock waits for all of them.
    """
    steps.execute(SHARE.format(len(others) + 1))
    for name in sorted({*others, table.identifier.as_string()}):
        steps.execute(f"lock table only {name} in access exclusive mode")


SHARE = sql.SQL("""
select set_config('lock_timeout', case setting when '0' then '0' else greatest(setting::integer / {}, 1)::text end,
                  true)
  from pg_settings
 where name = 'lock_timeout'
""")
