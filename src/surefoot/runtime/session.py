"""Prepares the connection that runs the revisions: timeouts, the worker lock, notices.

All of it is undone at the end.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import IsolationLevel

from surefoot.database import RELIED_ON, driver_of
from surefoot.errors import FailedError
from surefoot.runtime.migrator_lock import SPACE, WORKER
from surefoot.servers import pooler
from surefoot.settings import Settings

log = logging.getLogger("surefoot")

CONNECTION_CHECK = "client_connection_check_interval"
"""The setting by which a server process checks whether its client is still connected."""


def server_settings(settings: Settings) -> dict[str, str]:
    """Return the timeouts of a migrating session, in milliseconds, by the name of the setting."""
    return {
        "lock_timeout": str(settings.lock_timeout),
        "statement_timeout": str(settings.statement_timeout),
        "idle_in_transaction_session_timeout": str(settings.idle_timeout),
    }


def backend_pid(connection: Connection) -> int:
    """Return the pid of the server process of `connection`, which is the server's own also behind a pooler."""
    return pooler.server_pid(driver_of(connection))


def connect_once_more(engine: sa.Engine) -> psycopg.Connection:
    """Return a new connection of the engine's that its pool knows nothing of; the caller closes it."""
    pooled = engine.raw_connection()
    driver = pooled.driver_connection
    assert isinstance(driver, psycopg.Connection)
    pooled.detach()
    return driver


def refuse_shared(connection: Connection, engine: sa.Engine) -> None:
    """Raise RefusedError where a pooler gives the session of `connection`, in AUTOCOMMIT, to others.

    `engine` connects as `connection` did. For an application's own engine: ours look at each connection they make.
    """
    driver = driver_of(connection)
    if not pooler.is_pooled(driver):
        return

    pooler.refuse_shared(driver, lambda: connect_once_more(engine), f"{driver.info.host}:{driver.info.port}")


@contextmanager
def migrating_session(connection: Connection, values: Mapping[str, str]) -> Iterator[int]:
    """Take the worker lock and set `values` on `connection` inside the block; yield the pid of its server process.

    The statements bypass SQLAlchemy, so that no transaction is open when Alembic takes the connection. In a transaction
    of the caller the lock is held until that transaction ends. `values` are settings by name, none where the connection
    was opened with them; at the end each has its previous value again. Raises FailedError where another session has the
    lock, or where row_security does not stay off.
    """
    driver = driver_of(connection)
    in_transaction = connection.in_transaction()
    driver.add_notice_handler(_log_notice)
    before = {name: _setting(driver, name) for name in (*values, *([CONNECTION_CHECK] if values else []))}
    connection.get_isolation_level = lambda: _isolation_level(connection)  # type: ignore[method-assign]
    try:
        lock = "pg_try_advisory_xact_lock" if in_transaction else "pg_try_advisory_lock"
        _set(driver, values)
        pid, locked, row_security = driver.execute(
            f"select pg_backend_pid(), {lock}(%s, %s), current_setting('row_security')", (SPACE, WORKER)
        ).fetchone() or (0, False, "")
        if not locked:
            raise FailedError(
                "Another connection began to migrate this database at this very moment.", "Run the same command again."
            )
        if row_security != "off":
            raise FailedError(
                "What is set in this session does not stay: row_security is on again, so rows could be overlooked.",
                "Connect to the server itself, or through a pooler in session mode. Nothing was changed.",
            )
        if not in_transaction:
            _check_client_connection(driver)
            driver.commit()
        yield pid
    finally:
        del connection.get_isolation_level  # uncovers the method of the class
        driver.remove_notice_handler(_log_notice)
        if not driver.closed and driver.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
            _set(driver, before)
            if not in_transaction:
                driver.execute("select pg_advisory_unlock(%s, %s)", (SPACE, WORKER))
                driver.commit()


def reset_session(connection: Connection, settings: Settings, values: Mapping[str, str]) -> None:
    """Set what `migrating_session` had set again before a retry, because the revision may have changed it."""
    driver = driver_of(connection)
    _set(driver, values or RELIED_ON)
    for name in () if values else server_settings(settings):
        driver.execute(psycopg.sql.SQL("reset {}").format(psycopg.sql.Identifier(name)))
    driver.commit()


def _isolation_level(connection: Connection) -> IsolationLevel:
    """Return the isolation level as the driver knows it, without a query.

    SQLAlchemy's method queries the server, in three round trips, and Alembic calls it before each online operation.
    """
    driver = driver_of(connection)
    if driver.autocommit:
        return "AUTOCOMMIT"
    if driver.isolation_level is not None:
        return cast("IsolationLevel", driver.isolation_level.name.replace("_", " "))
    return Connection.get_isolation_level(connection)


def _check_client_connection(driver: psycopg.Connection[Any]) -> None:
    """Let the server check every second whether the client is still connected. Servers on Windows refuse that."""
    try:
        with driver.transaction():
            driver.execute("select set_config(%s, '1s', false)", (CONNECTION_CHECK,))
    except psycopg.Error:
        log.debug("The server cannot notice a client that has gone.")


def _setting(driver: psycopg.Connection[Any], name: str) -> str:
    row = driver.execute("select current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else ""


def _set(driver: psycopg.Connection[Any], values: Mapping[str, str]) -> None:
    for name, value in values.items():
        driver.execute("select set_config(%s, %s, false)", (name, value))


def _log_notice(notice: psycopg.errors.Diagnostic) -> None:
    """Log what a revision reports with RAISE NOTICE or WARNING, and leave out PostgreSQL's own notices."""
    if notice.sqlstate == "01000" or (notice.severity_nonlocalized == "NOTICE" and notice.sqlstate == "00000"):
        level = logging.WARNING if notice.severity_nonlocalized == "WARNING" else logging.INFO
        if notice.source_file == "pl_exec.c":
            log.log(level, "%s", notice.message_primary)
