"""Every value of the copy as it was before, kept as a hash beside its row's key, and what has become of it since.

All is computed on the server, one pass a table, in a schema of the copy. Columns are taken by name, and a value is
compared as what it means: 1 is 1.0, a timestamp is that time in UTC. So a change of type is none of the value.
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
"""Of the connection that compares: how a value is printed depends on these."""
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
     where c.relnamespace = current_schema()::regnamespace
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
ROWS = sql.SQL("count(*) filter (where n.key is null), count(*) filter (where k.key is null)")
BECAME = (
    sql.SQL("count(*) filter (where n.key is not null and k.key is not null and k.{0} is null and n.{0} is not null)"),
    sql.SQL("count(*) filter (where n.key is not null and k.key is not null and k.{0} is not null and n.{0} is null)"),
    sql.SQL("count(*) filter (where k.{0} <> n.{0})"),
)
"""Of a column: filled, emptied, changed."""


@dataclass(frozen=True)
class Column:
    """What became of the values of one column, in rows that are there still."""

    name: str
    was: str
    became: str
    """Types."""
    filled: int
    """NULL before."""
    emptied: int
    """NULL now."""
    changed: int

    @property
    def lost(self) -> int:
        """Values that are no longer what they were."""
        return self.emptied + self.changed


@dataclass(frozen=True)
class Table:
    """What became of the rows of one table, by their keys; `columns` are those with a value that differs."""

    name: str
    rows: int
    there: bool
    gone: int = 0
    new: int = 0
    columns: tuple[Column, ...] = ()
    absent: tuple[str, ...] = ()
    """Columns that it had and that are not there now: set aside, or dropped."""

    @property
    def same(self) -> bool:
        """Whether every value is as it was."""
        return self.there and not (self.gone or self.new or self.columns or self.absent)


@dataclass(frozen=True)
class _Typed:
    type: str
    base: str
    key: bool

    def value(self, name: str) -> sql.Composed:
        """A value of it as text that is the same for the same value of another type."""
        column = sql.Identifier(name)
        if self.base in NUMBERS:
            return sql.SQL("trim_scale({}::text::numeric)::text").format(column)
        if self.base == "timestamptz":
            return sql.SQL("({} at time zone 'UTC')::text").format(column)
        return sql.SQL("{}::text").format(column)

    def hashed(self, name: str) -> sql.Composed:
        return sql.SQL("hashtextextended({}, 0)").format(self.value(name))


_Columns = Mapping[str, _Typed]


@dataclass
class Kept:
    """The tables as they were, each with the rows that it had and the name of its hashes."""

    columns: dict[str, _Columns] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def named(self, table: str) -> sql.Identifier:
        """Where its hashes are."""
        return sql.Identifier(SCHEMA, f"t{list(self.columns).index(table)}")


def keep(connection: Connection) -> Kept:
    """Hash every value of every table. `connection` has `SETTINGS` and is in AUTOCOMMIT."""
    kept = Kept(_columns(connection))
    _run(connection, sql.SQL("create schema {}").format(sql.Identifier(SCHEMA)))
    for table, columns in kept.columns.items():
        hashes = (
            sql.SQL("{} as {}").format(typed.hashed(name), sql.Identifier(f"c{number}"))
            for number, (name, typed) in enumerate(columns.items())
        )
        query = sql.SQL("create unlogged table {} as select {} as key, {} from {}").format(
            kept.named(table), _key(columns), sql.SQL(", ").join(hashes), sql.Identifier(table)
        )
        kept.rows[table] = _run(connection, query).rowcount
        _run(connection, sql.SQL("analyze {}").format(kept.named(table)))
    return kept


def compare(connection: Connection, kept: Kept) -> tuple[Table, ...]:
    """What has become of each table's rows and values; those that are as they were are left out."""
    now = _columns(connection)
    found = (_compared(connection, kept, table, now.get(table)) for table in kept.columns)
    return tuple(each for each in found if not each.same)


def sums(connection: Connection) -> dict[str, str]:
    """For each column of each table, and each table as a whole, a sum of its hashes that depends on no order."""
    found: dict[str, str] = {}
    for table, columns in _columns(connection).items():
        row = sql.SQL("row({})").format(sql.SQL(", ").join(typed.value(name) for name, typed in columns.items()))
        each = [typed.hashed(name) for name, typed in columns.items()]
        each.append(sql.SQL("hashtextextended({}::text, 0)").format(row))
        wanted = sql.SQL(", ").join(sql.SQL("sum({}::numeric)::text").format(one) for one in each)
        values = _run(connection, sql.SQL("select {} from {}").format(wanted, sql.Identifier(table))).one()
        names = [*(f"{table}.{name}" for name in columns), table]
        found |= {name: str(value) for name, value in zip(names, values, strict=True)}
    return found


def _columns(connection: Connection) -> dict[str, _Columns]:
    tables: defaultdict[str, dict[str, _Typed]] = defaultdict(dict)
    for row in connection.execute(
        COLUMNS, {"bookkeeping": list(BOOKKEEPING), "retired": RETIRED_PREFIX, "unfinished": PREFIX}
    ):
        tables[row.table][row.column] = _Typed(row.type, row.base, row.key)
    return dict(tables)


def _key(columns: _Columns) -> sql.Composed:
    """The primary key as text; of a table without one the whole row, and which one of its likes it is."""
    names = [name for name, typed in columns.items() if typed.key]
    row = sql.SQL("row({})::text").format(
        sql.SQL(", ").join(columns[name].value(name) for name in names or list(columns))
    )
    if names:
        return row
    return sql.SQL("{} || row_number() over (partition by {})").format(row, row)


def _compared(connection: Connection, kept: Kept, table: str, now: _Columns | None) -> Table:
    before, rows = kept.columns[table], kept.rows[table]
    if now is None:
        return Table(table, rows, there=False, gone=rows)
    absent = tuple(name for name in before if name not in now)
    keys = [name for name, typed in before.items() if typed.key] or list(before)
    if any(name in absent for name in keys):  # no row can be told from another
        return Table(table, rows, there=True, gone=rows, absent=absent)
    key = _key({name: replace(now[name], key=before[name].key) for name in keys})
    numbers = {name: sql.Identifier(f"c{number}") for number, name in enumerate(before) if name in now}
    hashes = [sql.SQL("{} as {}").format(now[name].hashed(name), column) for name, column in numbers.items()]
    counts = [test.format(column) for column in numbers.values() for test in BECAME]
    query = sql.SQL("select {}, {} from {} k full join (select {} as key, {} from {}) n using (key)").format(
        ROWS, sql.SQL(", ").join(counts), kept.named(table), key, sql.SQL(", ").join(hashes), sql.Identifier(table)
    )
    found = tuple(_run(connection, query).one())
    columns = (
        Column(name, before[name].type, now[name].type, *found[3 * number + 2 : 3 * number + 5])
        for number, name in enumerate(numbers)
    )
    differing = tuple(each for each in columns if each.filled or each.lost)
    return Table(table, rows, True, found[0], found[1], differing, absent)


def _run(connection: Connection, query: sql.Composed) -> "sa.CursorResult[Any]":
    return execute_verbatim(connection, query)
