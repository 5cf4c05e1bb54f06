"""Connections for commands that only read a database, and the revision that Alembic recorded in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import URL, Connection

from surefoot import database

LOCK_TIMEOUT = 5000
"""How long (ms) such a connection waits for a lock that another session holds."""


@contextmanager
def read_connection(url: URL, application_name: str, lock_timeout: int = LOCK_TIMEOUT) -> Iterator[Connection]:
    """Connect to read, with a lock_timeout in ms, and translate errors of the server inside the block.

    Raises ConnectFailed and the other errors of `database.explain`.
    """
    try:
        engine = database.engine_for(
            url, application_name=application_name, options={"lock_timeout": str(lock_timeout)}
        )
        with engine.connect() as connection:
            yield connection
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault


def heads(connection: Connection) -> tuple[str, ...]:
    """Return the revisions in alembic_version; an empty tuple where that table is missing or empty."""
    return MigrationContext.configure(connection).get_current_heads()
