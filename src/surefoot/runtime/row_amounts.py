"""Counts the rows of a table, or the values of a column, for a message."""

from contextlib import nullcontext

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot.database import driver_of, execute_verbatim

SIZE = sql.SQL("""
    select pg_relation_size(oid) as bytes, reltuples::bigint as estimate from pg_class where oid = {}::regclass
""")
COUNT = sql.SQL("select count({}) from {}")
COUNTED = 64 * 1024 * 1024
"""The largest table, in bytes, whose rows are counted; for a larger one the planner's estimate is used."""


def row_amount(connection: Connection, table: str, column: str | None = None) -> str:
    """Return the number of rows of a table, or of values in its column that are not NULL, as text: `1,234 rows`.

    The text is `about … rows` for a large table, and `rows not counted` where the role may not read it.
    """
    schema = connection.execute(sa.text("select current_schema()")).scalar_one()
    relation = sql.Identifier(schema, table)
    word = "rows" if column is None else "values"
    try:
        with nullcontext() if driver_of(connection).autocommit else connection.begin_nested():
            size = execute_verbatim(connection, SIZE.format(relation.as_string())).one()
            if size.bytes > COUNTED:
                return f"about {size.estimate:,} {word}"
            what = sql.SQL("*") if column is None else sql.Identifier(column)
            count = execute_verbatim(connection, COUNT.format(what, relation)).scalar_one()
    except sa.exc.DBAPIError as fault:
        if fault.connection_invalidated:
            raise
        return f"{word} not counted"
    return f"{count:,} {word if count != 1 else word.removesuffix('s')}"
