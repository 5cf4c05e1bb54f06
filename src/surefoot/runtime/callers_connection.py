"""What an application has set for its own statements on a connection that it passes in, put aside for a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import Connection

from surefoot.database import driver_of
from surefoot.errors import UsageError

OF_STATEMENTS: dict[str, Any] = {"stream_results": False, "yield_per": None, "schema_translate_map": None}
"""Execution options that an application's engine may have for its own queries, and what a revision's statements need.

A cursor of the server's reads nothing but SELECT.
"""


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
