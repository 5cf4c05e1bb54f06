"""A connection that an application passes in: what it has set for its own statements, and which server it leads to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from surefoot.database import driver_of
from surefoot.errors import RefusedError, UsageError

OF_STATEMENTS: dict[str, Any] = {"stream_results": False, "yield_per": None, "schema_translate_map": None}
"""Execution options that an application's engine may have for its own queries, and what a revision's statements need.

A cursor of the server's reads nothing but SELECT.
"""
SERVER = "select extract(epoch from pg_postmaster_start_time())::text"
"""What tells servers apart that have one name or the same rows: a primary and its standby, two behind one address."""


def refuse_other_server(engine: Engine, connection: Connection) -> None:
    """Let `engine`, which connects as the one of `connection` does, reach the server of that alone.

    Its connections raise RefusedError from then on where they reach another one: a lock there would keep nobody away.
    """
    server = _server(driver_of(connection))

    def compare(opened: Any, _: object) -> None:
        if isinstance(opened, psycopg.Connection) and _server(opened) != server:
            raise RefusedError(
                "The engine of the connection that was passed in reaches several servers, now one and now another: "
                "what one of them does would not be known to the other. Nothing was changed.",
                "Let it reach one: name the primary alone, or without load_balance_hosts and with "
                "target_session_attrs=read-write.",
            )

    sa.event.listen(engine, "connect", compare)


def _server(driver: psycopg.Connection[Any]) -> str:
    idle = driver.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    (started,) = driver.execute(SERVER, prepare=False).fetchone() or ("",)
    if idle and not driver.autocommit:
        driver.rollback()
    return str(started)


@contextmanager
def without_options(connection: Connection) -> Iterator[None]:
    """Let statements on the caller's `connection` run as they are written inside the block, whatever its options say.

    Raises UsageError where its options name the schema of the tables: SQL that is text would not go there.
    """
    before = connection.get_execution_options()
    if None in (before.get("schema_translate_map") or {}):
        raise UsageError(
            "The connection that was passed in has a schema_translate_map for tables without a schema, which what a "
            "revision writes as SQL does not follow.",
            "Pass one without it, whose search_path has the schema: ?options=-csearch_path%3Dschool in the URL. "
            "Nothing was changed.",
        )
    connection.execution_options(**OF_STATEMENTS)
    driver = driver_of(connection)
    threshold = driver.prepare_threshold
    if threshold == 0:  # each statement would be prepared at once, which several in one text cannot be
        driver.prepare_threshold = 1
    try:
        yield
    finally:
        driver.prepare_threshold = threshold
        if not connection.closed:
            connection.execution_options(**{name: before.get(name, own) for name, own in OF_STATEMENTS.items()})
