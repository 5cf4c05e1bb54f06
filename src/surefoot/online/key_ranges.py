"""Find the key by which a table is read in batches, and write the conditions for a range of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from surefoot.errors import UsageError
from surefoot.online.executor import Steps
from surefoot.online.target_table import Table

# An index qualifies that holds all rows (valid, not partial, no NULLs) and whose order is that of ORDER BY over its
# columns: a btree, each column with its own collation, all of them ascending or all descending.
KEYS = """
select i.indisprimary as primary,
       i.indisunique and i.indimmediate as unique,
       array_agg(a.attname::text order by place) as columns,
       array_agg(format_type(a.atttypid, a.atttypmod) order by place) as types
  from pg_index i
  join pg_class x on x.oid = i.indexrelid
  join pg_am m on m.oid = x.relam and m.amname = 'btree'
 cross join unnest(i.indkey::smallint[], i.indcollation::oid[], i.indoption::smallint[]) with ordinality
       as part (attnum, collation_oid, direction, place)
  left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = part.attnum and part.attnum > 0
 where i.indrelid = :table
   and i.indisvalid
   and i.indpred is null
   and place <= i.indnkeyatts
 group by i.indexrelid, i.indisprimary, i.indisunique, i.indimmediate
having bool_and(coalesce(a.attnotnull and part.collation_oid = a.attcollation
                         and not exists (select from pg_constraint n
                                          where n.conrelid = i.indrelid
                                            and n.contype = 'n'
                                            and n.conkey = array[a.attnum]
                                            and not n.convalidated), false))
   and count(distinct direction & 1) = 1
 order by i.indisprimary desc, i.indisunique desc, count(*), i.indexrelid
"""

KeyValues = tuple[str, ...]
"""The values of a key in one row, each as text."""


@dataclass(frozen=True)
class Key:
    """The leading columns of a btree index, all NOT NULL, and their types as SQL."""

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]

    def order(self) -> sql.Composed:
        """Return the columns for ORDER BY."""
        return sql.SQL(", ").join(self._names())

    def texts(self) -> sql.Composed:
        """Return the columns cast to text, for a query whose rows are `KeyValues`."""
        return sql.SQL(", ").join(sql.SQL("{}::text").format(name) for name in self._names())

    def between(self, after: KeyValues | None, upto: KeyValues | None) -> sql.Composable:
        """Return the condition for the rows after `after` up to and including `upto`; None leaves that end open."""
        bounds = [self._bound(after, "gt")] if after is not None else []
        bounds += [self._bound(upto, "le")] if upto is not None else []
        return sql.SQL(" and ").join(bounds) if bounds else sql.SQL("true")

    def _bound(self, values: KeyValues, how: str) -> sql.Composable:
        names = self._names()
        literals = [
            sql.SQL("{}::{}").format(value, sql.SQL(type_)) for value, type_ in zip(values, self.types, strict=True)
        ]
        if len(names) == 1:
            return sql.SQL({"gt": "{} > {}", "le": "{} <= {}"}[how]).format(names[0], literals[0])
        # the condition on the first column is for the planner, which cannot estimate a comparison of rows
        return sql.SQL({"gt": "({}) > ({}) and {} >= {}", "le": "({}) <= ({}) and {} <= {}"}[how]).format(
            sql.SQL(", ").join(names), sql.SQL(", ").join(literals), names[0], literals[0]
        )

    def _names(self) -> list[sql.Identifier]:
        # with the table's name: ORDER BY would take a bare one for the output column, and sort by its text
        return [sql.Identifier(self.table, column) for column in self.columns]


def find(steps: Steps, table: Table, requested: str | Sequence[str] | None = None) -> Key:
    """Return the key of `table`: the primary key, else a unique index on NOT NULL columns, or the `requested` columns.

    Raises UsageError where no index offers such a key.
    """
    indexes = steps.fetch(KEYS, table=table.oid)
    if requested is None:
        for row in indexes:
            if row.unique:
                return Key(table.name, tuple(row.columns), tuple(row.types))
        raise UsageError(
            f"Table {table.name} has no primary key and no unique index on NOT NULL columns, so it cannot be walked in "
            "batches.",
            "Give it a primary key in an earlier revision, or name NOT NULL columns that an index begins with: "
            'key=["column"]; nothing was changed.',
        )
    columns = (requested,) if isinstance(requested, str) else tuple(requested)
    table.require_columns(columns)
    for row in indexes:
        if columns and tuple(row.columns[: len(columns)]) == columns:
            return Key(table.name, columns, tuple(row.types[: len(columns)]))
    raise UsageError(
        f"No valid index of {table.name} begins with ({', '.join(columns)}), all of them NOT NULL.",
        "Create one with op.create_index_online, or name other columns in key=; nothing was changed.",
    )
