"""A database that is only looked at: a connection that waits for nobody, and what Alembic says of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import URL, Connection

from surefoot import database

PATIENCE = 5000
"""How long (ms) a look queues behind somebody who holds a table."""


@contextmanager
def read_connection(url: URL, application_name: str, patience: int = PATIENCE) -> Iterator[Connection]:
    """A connection whose faults are told in our words. Raises ConnectFailed and what `database.explain` makes."""
    try:
        engine = database.engine_for(url, application_name=application_name, options={"lock_timeout": str(patience)})
        with engine.connect() as connection:
            yield connection
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault


def heads(connection: Connection) -> tuple[str, ...]:
    """What `alembic_version` says; nothing where there is none."""
    return MigrationContext.configure(connection).get_current_heads()
