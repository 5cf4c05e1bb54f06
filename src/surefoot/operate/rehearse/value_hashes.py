"""Stores a hash of every value of the copy with the key of its row, and compares the values with them later.

Everything is computed on the server, in one pass over each table, in a schema of the copy. Columns are identified by
name, and values compared by meaning: 1 equals 1.0, a timestamp is compared in UTC. So a change of type changes no
value.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot.catalogue.reader import BOOKKEEPING, RETIRED_PREFIX
from surefoot.database import execute_verbatim
from surefoot.online.change_types.conversion import PREFIX

SCHEMA = "ourschool_rehearsal"
SETTINGS = {"timezone": "UTC", "datestyle": "ISO", "intervalstyle": "postgres", "extra_float_digits": "1",
            "bytea_output": "hex", "statement_timeout": "0"}  # fmt: skip
"""Settings of the comparing connection, on which the text of a value depends."""
COLUMNS = sa.text("""
    select c.relname::text as table,
           a.attname::text as column,
           format_type(a.atttypid, a.atttypmod) as type,
           t.typname::text as base,
           coalesce(a.attnum = any (k.conkey), false) as key
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid
      join pg_type t on t.oid = a.atttypid
      left join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'
     where c.relnamespace = quote_ident(current_schema())::regnamespace
       and c.relkind in ('r', 'p')
       and not c.relispartition
       and c.relname <> all (:bookkeeping)
       and a.attnum > 0
       and not a.attisdropped
       and not starts_with(a.attname, :retired)
       and not starts_with(a.attname, :unfinished)
     order by 1, 2
""")
NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8"})

# k is a row as it was, n the same row now, by its key; key itself is never NULL.
ROW_COUNTS = sql.SQL("count(*) filter (where n.key is null), count(*) filter (where k.key is null)")
VALUE_COUNTS = (
    sql.SQL("count(*) filter (where n.key is not null and k.key is not null and k.{0} is null and n.{0} is not null)"),
    sql.SQL("count(*) filter (where n.key is not null and k.key is not null and k.{0} is not null and n.{0} is null)"),
    sql.SQL("count(*) filter (where k.{0} <> n.{0})"),
)
"""The number of values of a column that were filled, emptied and changed."""


@dataclass(frozen=True)
class ColumnDifference:
    """What became of the values of one column, in rows that still exist."""

    name: str
    was: str
    became: str
    """The types before and after."""
    filled: int
    """Values that were NULL before."""
    emptied: int
    """Values that are NULL now."""
    changed: int

    @property
    def lost(self) -> int:
        """Return the number of values that are no longer what they were."""
        return self.emptied + self.changed


@dataclass(frozen=True)
class TableDifference:
    """What became of the rows of one table, by their keys; `columns` are those in which a value differs."""

    name: str
    rows: int
    there: bool
    gone: int = 0
    new: int = 0
    columns: tuple[ColumnDifference, ...] = ()
    absent: tuple[str, ...] = ()
    """Columns that no longer exist: retired or dropped."""

    @property
    def same(self) -> bool:
        """Return whether every value is as it was."""
        return self.there and not (self.gone or self.new or self.columns or self.absent)


@dataclass(frozen=True)
class _TypedColumn:
    type: str
    base: str
    key: bool

    def comparable(self, name: str) -> sql.Composed:
        """Return an expression for the value as text that is the same for the same value of another type."""
        column = sql.Identifier(name)
        if self.base in NUMBERS:
            return sql.SQL("trim_scale({}::text::numeric)::text").format(column)
        if self.base == "timestamptz":
            return sql.SQL("({} at time zone 'UTC')::text").format(column)
        return sql.SQL("{}::text").format(column)

    def hashed(self, name: str) -> sql.Composed:
        return sql.SQL("hashtextextended({}, 0)").format(self.comparable(name))


_Columns = Mapping[str, _TypedColumn]


@dataclass
class StoredHashes:
    """The columns and the number of rows of each table at the time of hashing."""

    columns: dict[str, _Columns] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def hashes_table(self, table: str) -> sql.Identifier:
        """Return the table that has the hashes of `table`."""
        return sql.Identifier(SCHEMA, f"t{list(self.columns).index(table)}")


def store_hashes(connection: Connection) -> StoredHashes:
    """Hash every value of every table. `connection` has the `SETTINGS` and is in AUTOCOMMIT."""
    stored = StoredHashes(_columns(connection))
    _run(connection, sql.SQL("create schema {}").format(sql.Identifier(SCHEMA)))
    for table, columns in stored.columns.items():
        hashes = (
            sql.SQL("{} as {}").format(typed.hashed(name), sql.Identifier(f"c{number}"))
            for number, (name, typed) in enumerate(columns.items())
        )
        query = sql.SQL("create unlogged table {} as select {} as key, {} from {}").format(
            stored.hashes_table(table), _key(columns), sql.SQL(", ").join(hashes), sql.Identifier(table)
        )
        stored.rows[table] = _run(connection, query).rowcount
        _run(connection, sql.SQL("analyze {}").format(stored.hashes_table(table)))
    return stored


def compare(connection: Connection, stored: StoredHashes) -> tuple[TableDifference, ...]:
    """Return what became of the rows and values of each table; unchanged tables are left out."""
    current = _columns(connection)
    result = (_compared(connection, stored, table, current.get(table)) for table in stored.columns)
    return tuple(each for each in result if not each.same)


def column_sums(connection: Connection) -> dict[str, str]:
    """Return the sum of the hashes of each column and of each table's rows, independent of their order."""
    result: dict[str, str] = {}
    for table, columns in _columns(connection).items():
        row = sql.SQL("row({})").format(sql.SQL(", ").join(typed.comparable(name) for name, typed in columns.items()))
        each = [typed.hashed(name) for name, typed in columns.items()]
        each.append(sql.SQL("hashtextextended({}::text, 0)").format(row))
        sums = sql.SQL(", ").join(sql.SQL("sum({}::numeric)::text").format(one) for one in each)
        values = _run(connection, sql.SQL("select {} from {}").format(sums, sql.Identifier(table))).one()
        names = [*(f"{table}.{name}" for name in columns), table]
        result |= {name: str(comparable) for name, comparable in zip(names, values, strict=True)}
    return result


def _columns(connection: Connection) -> dict[str, _Columns]:
    tables: defaultdict[str, dict[str, _TypedColumn]] = defaultdict(dict)
    for row in connection.execute(
        COLUMNS, {"bookkeeping": list(BOOKKEEPING), "retired": RETIRED_PREFIX, "unfinished": PREFIX}
    ):
        tables[row.table][row.column] = _TypedColumn(row.type, row.base, row.key)
    return dict(tables)


def _key(columns: _Columns) -> sql.Composed:
    """Return the primary key as text; without one the whole row, numbered among equal rows."""
    names = [name for name, typed in columns.items() if typed.key]
    row = sql.SQL("row({})::text").format(
        sql.SQL(", ").join(columns[name].comparable(name) for name in names or list(columns))
    )
    if names:
        return row
    return sql.SQL("{} || row_number() over (partition by {})").format(row, row)


def _compared(connection: Connection, stored: StoredHashes, table: str, current: _Columns | None) -> TableDifference:
    before, rows = stored.columns[table], stored.rows[table]
    if current is None:
        return TableDifference(table, rows, there=False, gone=rows)
    absent = tuple(name for name in before if name not in current)
    keys = [name for name, typed in before.items() if typed.key] or list(before)
    if any(name in absent for name in keys):  # without its key columns no row can be identified
        return TableDifference(table, rows, there=True, gone=rows, absent=absent)
    key = _key({name: replace(current[name], key=before[name].key) for name in keys})
    numbers = {name: sql.Identifier(f"c{number}") for number, name in enumerate(before) if name in current}
    hashes = [sql.SQL("{} as {}").format(current[name].hashed(name), column) for name, column in numbers.items()]
    counts = [test.format(column) for column in numbers.values() for test in VALUE_COUNTS]
    query = sql.SQL("select {}, {} from {} k full join (select {} as key, {} from {}) n using (key)").format(
        ROW_COUNTS,
        sql.SQL(", ").join(counts),
        stored.hashes_table(table),
        key,
        sql.SQL(", ").join(hashes),
        sql.Identifier(table),
    )
    result = tuple(_run(connection, query).one())
    columns = (
        ColumnDifference(name, before[name].type, current[name].type, *result[3 * number + 2 : 3 * number + 5])
        for number, name in enumerate(numbers)
    )
    differing = tuple(each for each in columns if each.filled or each.lost)
    return TableDifference(table, rows, True, result[0], result[1], differing, absent)


def _run(connection: Connection, query: sql.Composed) -> "sa.CursorResult[Any]":
    return execute_verbatim(connection, query)
