"""How much a table or column of somebody else holds, in words."""

from contextlib import nullcontext

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim

SIZE = sql.SQL("""
    select pg_relation_size(oid) as bytes, reltuples::bigint as estimate from pg_class where oid = {}::regclass
""")
COUNT = sql.SQL("select count({}) from {}")
COUNTED = 64 * 1024 * 1024
"""Bytes of a table whose rows are counted; of a larger one the last estimate is told."""


def row_amount(connection: Connection, table: str, column: str | None = None) -> str:
    """The rows of a table, or the values of its column that are not NULL; counted where that is quick."""
    home = connection.execute(sa.text("select current_schema()")).scalar_one()
    relation = sql.Identifier(home, table)
    word = "rows" if column is None else "values"
    try:
        with nullcontext() if _autocommit(connection) else connection.begin_nested():
            size = execute_verbatim(connection, SIZE.format(relation.as_string())).one()
            if size.bytes > COUNTED:
                return f"about {size.estimate:,} {word}"
            what = sql.SQL("*") if column is None else sql.Identifier(column)
            count = execute_verbatim(connection, COUNT.format(what, relation)).scalar_one()
    except sa.exc.DBAPIError:
        return f"{word} not counted"
    return f"{count:,} {word if count != 1 else word.removesuffix('s')}"


def _autocommit(connection: Connection) -> bool:
    driver = connection.connection.driver_connection
    return isinstance(driver, psycopg.Connection) and driver.autocommit
