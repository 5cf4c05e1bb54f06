"""Hundreds of sample rows for each table that has none: a few are made one by one, and multiplied in the server."""

from collections.abc import Collection, Iterable
from contextlib import suppress

import psycopg
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot.author.sample_rows import row_filling, table_shape
from surefoot.author.sample_rows.table_shape import Column, Shape
from surefoot.database import driver_of

ROWS = 200
"""Rows that a table has at most: enough to tell one row from every row."""
FIRST_KEY, BETWEEN_KEYS = 100_003, 499
"""The keys of the rows are far apart, and far from small ones: a batch by key has a few rows, not all of them."""
SEQUENCES = """
    select sequence.oid::regclass::text, seqincrement
      from pg_class as relation
      join pg_depend on refclassid = 'pg_class'::regclass and refobjid = relation.oid and classid = 'pg_class'::regclass
      join pg_class as sequence on sequence.oid = objid and sequence.relkind = 'S'
      join pg_sequence on seqrelid = sequence.oid
     where relation.oid = any (%s::regclass[])
       and seqmax > 100000000
"""
PRESENT = """
    select relname
      from pg_class
     where relnamespace = quote_ident(current_schema())::regnamespace
       and relkind in ('r', 'p')
       and relname = any (%s)
"""
VARIED = {
    "text": "concat({column}, '~', n)",
    "varchar": "concat({column}, '~', n)",
    "bpchar": "concat({column}, '~', n)",
    "int2": "{column} + n",
    "int4": "{column} + n * 16",
    "int8": "{column} + n * 16",
    "numeric": "{column} + n",
    "uuid": "gen_random_uuid()",
    "date": "{column} + n",
    "timestamp": "{column} + n * interval '1 day'",
    "timestamptz": "{column} + n * interval '1 day'",
}
"""By type: the value of a column of a unique key in the nth copy of a row."""


def fill_empty(connection: Connection) -> list[str]:
    """Insert rows into the tables of the current schema that have none; return the names of those that have some now.

    `connection` is in no transaction. What fills the tables of one schema is the same each time. A table whose rules
    cannot be guessed stays empty.
    """
    driver = driver_of(connection)
    shapes = table_shape.read(connection)
    connection.rollback()
    with driver.transaction():
        filled = _with_rows(driver, shapes)
        bare = [name for name in shapes if name not in filled]
        sequences = driver.execute(SEQUENCES, [[sql.Identifier(name).as_string() for name in bare]]).fetchall()
        for name, _ in sequences:
            _alter(driver, name, f"increment by {BETWEEN_KEYS} restart with {FIRST_KEY}")
    try:
        counts = row_filling.fill(connection, tables=bare, mild=True) if bare else {}
        with driver.transaction():
            for name, count in counts.items():
                if count:
                    _multiply(driver, shapes[name], ROWS // count)
    finally:
        with driver.transaction():
            for name, increment in sequences:
                _alter(driver, name, f"increment by {increment}")
    return [name for name, count in counts.items() if count]


def empty(connection: Connection, names: Collection[str]) -> None:
    """Delete all rows of the tables of those names, where they are still there, and of those that refer to them.

    A table that refuses that, because it only grows, keeps its rows.
    """
    driver = driver_of(connection)
    with driver.transaction():
        for (name,) in driver.execute(PRESENT, [list(names)]).fetchall():
            with suppress(psycopg.Error), driver.transaction():
                driver.execute(sql.SQL("truncate {} cascade").format(sql.Identifier(name)))


def _with_rows(driver: psycopg.Connection, names: Iterable[str]) -> set[str]:
    """Return those of the tables that have rows."""
    has_rows = [
        sql.SQL("select {} where exists (select from {})").format(sql.Literal(name), sql.Identifier(name))
        for name in names
    ]
    return {name for (name,) in driver.execute(sql.SQL(" union all ").join(has_rows))} if has_rows else set()


def _alter(driver: psycopg.Connection, sequence: str, change: str) -> None:
    driver.execute(sql.SQL("alter sequence {} {}").format(sql.SQL(sequence), sql.SQL(change)))


def _multiply(driver: psycopg.Connection, shape: Shape, copies: int) -> None:
    """Insert copies of the rows of a table, with other values in its unique keys; else, where refused, the same."""
    unique = {name for rule in shape.rules.values() if rule.kind in {"p", "u", "i"} for name in rule.columns}
    referring = {name for key in shape.foreign_keys for name in key.columns}
    for varied in (unique - referring, set()):
        try:
            with driver.transaction():
                driver.execute(_copies(shape, varied), [copies])
        except psycopg.Error:
            continue  # a rule refuses such values: copies as they are, as far as no unique key is in the way
        return


def _copies(shape: Shape, varied: set[str]) -> sql.Composed:
    columns = [each for each in shape.columns if not each.made and not (each.default or "").startswith("nextval(")]
    if not columns:
        return sql.SQL("insert into {} select from generate_series(1, %s)").format(sql.Identifier(shape.name))
    return sql.SQL(
        "insert into {table} ({columns}) select {values} from {table} cross join generate_series(1, %s) as n "
        "on conflict do nothing"
    ).format(
        table=sql.Identifier(shape.name),
        columns=sql.SQL(", ").join(sql.Identifier(each.name) for each in columns),
        values=sql.SQL(", ").join(_value(each, varied) for each in columns),
    )


def _value(column: Column, varied: set[str]) -> sql.Composable:
    name = sql.Identifier(column.name)
    if column.name not in varied or column.labels or column.array or column.type not in VARIED:
        return name
    expression = sql.SQL(VARIED[column.type]).format(column=name)
    return sql.SQL("case when {} is not null then ({})::{} end").format(name, expression, sql.SQL(column.printed))
