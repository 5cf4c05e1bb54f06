"""The columns whose type changes: each one's shadow column, the expression of its new value, the rows that lack it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from surefoot.online.executor import SPLIT_LOCK_TIMEOUT, Steps
from surefoot.online.identifiers import fit_identifier
from surefoot.online.retired_registry import RetiredItem
from surefoot.online.target_table import Table

PREFIX = "__changing_"
"""Begins the name of every object that exists only while a change of types is under way."""


@dataclass(frozen=True)
class Change:
    """One column whose type changes. The types are as `format_type` prints them."""

    table: Table
    column: str
    number: int
    old_type: str
    type: str
    collation: str | None
    """The column's collation; None where it is that of the type."""
    using: str
    """The SQL expression of the new value, over the table's columns."""
    back: str
    """The SQL expression of the old value, over the columns after the change."""
    not_null: bool
    not_null_valid: bool
    not_null_name: str | None
    shadow_name: str
    """The name of the shadow column, which takes over: a new one, or the one that `retired` is."""
    retired: RetiredItem | None
    """The column that the other direction of this revision retired, where it has the type: it is reused."""

    @property
    def name(self) -> sql.Identifier:
        """The name of the column, quoted."""
        return sql.Identifier(self.column)

    @property
    def shadow(self) -> sql.Identifier:
        """The name of the shadow column, quoted."""
        return sql.Identifier(self.shadow_name)

    @property
    def label(self) -> str:
        """What an error message calls the column."""
        return f"{self.table.name}.{self.column}"

    def mark(self, revision: str) -> str:
        """Return the comment of a new shadow column; a shadow column with another comment is of another change."""
        mark = hashlib.sha256(f"{self.type} {self.collation} {self.using}".encode()).hexdigest()[:12]
        return f"ourschool: revision {revision} gives {self.label} the type {self.type} ({mark})"


@dataclass(frozen=True)
class Conversion:
    """The columns of one table that change together, in one pass over its rows."""

    table: Table
    changes: tuple[Change, ...]
    successor: tuple[str, str] | None = None
    """The names of a type and of the one that takes its place in whatever depends on the columns."""

    def value(self, change: Change) -> sql.Composable:
        """Return the expression of a row's new value. A reused retired column keeps the values that are not stale."""
        if change.retired is None:
            return parenthesized(change.using)
        return sql.SQL("case when {} then ({})::{} else {} end").format(
            self._is_stale(change), parenthesized(change.using), sql.SQL(change.type), change.shadow
        )

    def pending(self) -> sql.Composable:
        """Return the condition for rows that lack the new value of a column."""
        return sql.SQL("({})").format(
            sql.SQL(" or ").join(
                sql.SQL("({} is null and {} is not null)").format(change.shadow, parenthesized(change.using))
                if change.retired is None
                else self._is_stale(change)
                for change in self.changes
            )
        )

    def update(self, row_range: sql.Composable) -> sql.Composable:
        """Return the UPDATE that sets the new values in the rows of a range, given as a condition."""
        return sql.SQL("update {} set {} where {} and {}").format(
            self.table.identifier,
            sql.SQL(", ").join(sql.SQL("{} = {}").format(c.shadow, self.value(c)) for c in self.changes),
            row_range,
            self.pending(),
        )

    def _is_stale(self, change: Change) -> sql.Composable:
        """Return the condition for a retired value that `back` does not turn into the present one.

        Values are compared as stored (*<>), because json has no equality operator. Other shadow columns that are new do
        not exist yet when this is first evaluated, so their values are computed.
        """
        table, changed = self.table.identifier, {c.column: c for c in self.changes}
        targets = {c.shadow_name for c in self.changes}
        row = sql.SQL(", ").join(
            sql.SQL("{} as {}").format(self._current_value(table, column, changed.get(column)), sql.Identifier(column))
            for column in self.table.columns
            if column not in targets
        )
        return sql.SQL("row((select {}::{} from (select {}) as {}))::record *<> row({}.{})::record").format(
            parenthesized(change.back), sql.SQL(change.old_type), row, table, table, change.name
        )

    @staticmethod
    def _current_value(table: sql.Identifier, column: str, change: Change | None) -> sql.Composed:
        if change is not None and change.retired is None:
            return sql.SQL("{}::{}").format(parenthesized(change.using), sql.SQL(change.type))
        name = change.shadow if change is not None else sql.Identifier(column)
        return sql.SQL("{}.{}").format(table, name)


def parenthesized(expression: str) -> sql.Composed:
    """Return the author's expression in parentheses, the closing one behind a newline in case it ends in a comment."""
    return sql.SQL("({}\n)").format(sql.SQL(expression))


def temporary_name(revision: str, name: str) -> str:
    """Return the name of an object that stands for `name` while the change of `revision` is under way."""
    return fit_identifier(f"{PREFIX}{revision}_{name}")


def lock_tables(steps: Steps, table: Table, others: Sequence[str] = ()) -> None:
    """Lock the table and `others` (quoted names) in ACCESS EXCLUSIVE mode, inside a transaction.

    Each lock may wait its share of lock_timeout, because who queues behind the first waits for all of them.
    """
    steps.execute(SPLIT_LOCK_TIMEOUT.format(len(others) + 1))
    for name in sorted({*others, table.identifier.as_string()}):
        steps.execute(f"lock table only {name} in access exclusive mode")
