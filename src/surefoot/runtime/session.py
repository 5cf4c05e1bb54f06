"""Prepares the connection that runs the revisions: timeouts, the worker lock, notices.

All of it is undone at the end.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
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

LOST_CLIENT = {
    "client_connection_check_interval": "1s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""The settings by which a server process finds out that its client is gone. Servers on Windows refuse the first."""
SILENT_CLIENT = "idle_session_timeout"
"""The setting by which it ends a session whose client says nothing any more, and with it the session's locks."""
HELD = "surefoot session settings"
"""Key in a connection's `info`: what `migrating_session` has set, by name."""


def server_settings(settings: Settings) -> dict[str, str]:
    """Return the timeouts of a migrating session, in milliseconds, by the name of the setting."""
    return {
        "lock_timeout": str(settings.lock_timeout),
        "statement_timeout": str(settings.statement_timeout),
        "idle_in_transaction_session_timeout": str(settings.idle_timeout),
    }


def end_when_lost(driver: psycopg.Connection[Any], idle_timeout: int) -> None:
    """Let the server end the session of `driver` when its client is gone, or silent for `idle_timeout` (ms; 0: never).

    Only for a session that is never silent for so long while its client lives.
    """
    for settings in ({SILENT_CLIENT: str(idle_timeout)}, LOST_CLIENT):
        try:
            with driver.transaction():
                _set(driver, settings)
        except psycopg.Error:
            log.debug("The server does not take %s.", ", ".join(settings))


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
    """Raise RefusedError where a pooler gives the session of `connection`, in AUTOCOMMIT, to others or divides it.

    `engine` connects as `connection` did. For an application's own engine: ours look at each connection they make.
    """
    driver = driver_of(connection)
    pooler.refuse_unsuitable(driver)
    if not pooler.is_pooled(driver):
        return
    pooler.refuse_shared(driver, lambda: connect_once_more(engine), f"{driver.info.host}:{driver.info.port}")


@contextmanager
def migrating_session(connection: Connection, values: Mapping[str, str], settings: Settings) -> Iterator[int]:
    """Take the worker lock and set `values` on `connection` inside the block; yield the pid of its server process.

    The statements bypass SQLAlchemy, so that no transaction is open when Alembic takes the connection. In a transaction
    of the caller the lock is held until that transaction ends. `values` are settings by name, none where the connection
    was opened with them; at the end each has its previous value again, whatever failed inside. Raises FailedError where
    another session has the lock, or where row_security does not stay off.
    """
    driver = driver_of(connection)
    in_transaction = connection.in_transaction()
    driver.add_notice_handler(_log_notice)
    before = _current(driver, [*values, SILENT_CLIENT, *LOST_CLIENT]) if values else {}
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
        connection.info[HELD] = _current(driver, [*RELIED_ON, *server_settings(settings)])
        if not in_transaction:
            end_when_lost(driver, settings.idle_timeout)
            driver.commit()
        yield pid
    finally:
        del connection.get_isolation_level  # uncovers the method of the class
        driver.remove_notice_handler(_log_notice)
        end_failed(driver, in_transaction=in_transaction)
        if not driver.closed and driver.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
            _set(driver, before)
            if not in_transaction:
                driver.execute("select pg_advisory_unlock(%s, %s)", (SPACE, WORKER))
                driver.commit()


def end_failed(driver: psycopg.Connection[Any], *, in_transaction: bool) -> None:
    """Roll back what a failed statement has left open, so that settings and locks can be taken back.

    Not where `in_transaction` says that the transaction is the caller's: both end with that.
    """
    failed = not driver.closed and driver.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
    if failed and not in_transaction:
        driver.rollback()


def reset_session(connection: Connection) -> None:
    """Set again before a retry what held at the beginning of `migrating_session`: the revision may have changed it.

    RESET would not do: where a pooler has not passed on the options of the connection, it leads to the server's values.
    """
    driver = driver_of(connection)
    _set(driver, connection.info[HELD])
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


def _current(driver: psycopg.Connection[Any], names: Sequence[str]) -> dict[str, str]:
    """Return the values of the settings, as the server writes them."""
    query = ", ".join("current_setting(%s)" for _ in names)
    row = driver.execute(f"select {query}".encode(), list(names)).fetchone()
    assert row is not None
    return dict(zip(names, row, strict=True))


def _set(driver: psycopg.Connection[Any], values: Mapping[str, str]) -> None:
    if values:
        query = ", ".join("set_config(%s, %s, false)" for _ in values)
        driver.execute(f"select {query}".encode(), [part for pair in values.items() for part in pair])


def _log_notice(notice: psycopg.errors.Diagnostic) -> None:
    """Log what a revision reports with RAISE NOTICE or WARNING, and leave out PostgreSQL's own notices."""
    if notice.sqlstate == "01000" or (notice.severity_nonlocalized == "NOTICE" and notice.sqlstate == "00000"):
        level = logging.WARNING if notice.severity_nonlocalized == "WARNING" else logging.INFO
        if notice.source_file == "pl_exec.c":
            log.log(level, "%s", notice.message_primary)
