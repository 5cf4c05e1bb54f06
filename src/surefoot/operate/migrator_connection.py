"""A connection for a command that changes a database outside of a migration, and must not meet one."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.runtime.migrator_lock import only_migrator
from surefoot.runtime.session import backend_pid, server_settings
from surefoot.settings import Settings


@contextmanager
def connect_as_migrator(settings: Settings, url: URL, application_name: str) -> Iterator[Connection]:
    """Connect to the database of `url` under the migrators' lock, with the session settings of a migration.

    Raises FailedError if another migrator holds the lock until `migrator_deadline`, and explains errors of the driver
    as `database.explain` does.
    """
    engine = database.engine_for(url, application_name=application_name, options=server_settings(settings))
    try:
        with engine.connect() as first, engine.connect() as connection:
            lock_connection = first.execution_options(isolation_level="AUTOCOMMIT")
            with only_migrator(lock_connection, settings.migrator_deadline, backend_pid(connection)):
                connection.rollback()
                yield connection
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault
