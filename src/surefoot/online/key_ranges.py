"""The key a table is walked by: its columns in index order, and the conditions that cut the table into ranges."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from surefoot.errors import UsageError
from surefoot.online.executor import Steps
from surefoot.online.target_table import Table

# Only what holds all rows, in the order that `order by` gives with the columns' own collations, in one direction.
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

Place = tuple[str, ...]
"""The key of one row, as text."""


@dataclass(frozen=True)
class Key:
    """Columns that an index holds in order, none of them ever NULL."""

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]

    def order(self) -> sql.Composed:
        """The columns, as ORDER BY takes them."""
        return sql.SQL(", ").join(self._names())

    def texts(self) -> sql.Composed:
        """The columns as text, to be a `Place`."""
        return sql.SQL(", ").join(sql.SQL("{}::text").format(name) for name in self._names())

    def between(self, after: Place | None, upto: Place | None) -> sql.Composable:
        """The rows behind `after` and not behind `upto`; None is the end of the table."""
        bounds = [self._bound(after, "gt")] if after is not None else []
        bounds += [self._bound(upto, "le")] if upto is not None else []
        return sql.SQL(" and ").join(bounds) if bounds else sql.SQL("true")

    def _bound(self, place: Place, how: str) -> sql.Composable:
        names = self._names()
        values = [
            sql.SQL("{}::{}").format(value, sql.SQL(type_)) for value, type_ in zip(place, self.types, strict=True)
        ]
        if len(names) == 1:
            return sql.SQL({"gt": "{} > {}", "le": "{} <= {}"}[how]).format(names[0], values[0])
        # what is said of the first column again is for the planner, who cannot put a price on comparing rows
        return sql.SQL({"gt": "({}) > ({}) and {} >= {}", "le": "({}) <= ({}) and {} <= {}"}[how]).format(
            sql.SQL(", ").join(names), sql.SQL(", ").join(values), names[0], values[0]
        )

    def _names(self) -> list[sql.Identifier]:
        # with the table's name: ORDER BY takes a bare one for that of an output column, and would order by its text
        return [sql.Identifier(self.table, column) for column in self.columns]


def of(steps: Steps, table: Table, wanted: str | Sequence[str] | None = None) -> Key:
    """The key of `table`: its primary key, else a unique index without NULLs; or the `wanted` columns.

    Raises UsageError where there is no such key, with the way to one.
    """
    found = steps.look(KEYS, table=table.oid)
    if wanted is None:
        for row in found:
            if row.unique:
                return Key(table.name, tuple(row.columns), tuple(row.types))
        raise UsageError(
            f"Table {table.name} has no primary key and no unique index on NOT NULL columns, so it cannot be walked in "
            "batches.",
            "Give it a primary key in an earlier revision, or name NOT NULL columns that an index begins with: "
            'key=["column"]; nothing was changed.',
        )
    columns = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    table.needs(columns)
    for row in found:
        if columns and tuple(row.columns[: len(columns)]) == columns:
            return Key(table.name, columns, tuple(row.types[: len(columns)]))
    raise UsageError(
        f"No valid index of {table.name} begins with ({', '.join(columns)}), all of them NOT NULL.",
        "Create one with op.create_index_online, or name other columns in key=; nothing was changed.",
    )
