"""The connection that runs the revisions: our timeouts, the worker's lock, the server's notices; all undone after."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import IsolationLevel

from surefoot.errors import FailedError
from surefoot.runtime.migrator_lock import SPACE, WORKER
from surefoot.servers import pooler
from surefoot.settings import Settings

log = logging.getLogger("surefoot")

EVERY_ROW = {"row_security": "off"}
"""PostgreSQL raises 42501 where a policy would hide rows from a revision, which would leave them as they were."""
CONNECTION_CHECK = "client_connection_check_interval"
"""The setting by which a server process notices that its client has gone."""


def server_settings(settings: Settings) -> dict[str, str]:
    """What a migrating session asks of the server, each on purpose and none inherited; in milliseconds."""
    return {
        "lock_timeout": str(settings.lock_timeout),
        "statement_timeout": str(settings.statement_timeout),
        "idle_in_transaction_session_timeout": str(settings.idle_timeout),
    }


def backend_pid(connection: Connection) -> int:
    """Return the pid of the server process of `connection`, which is the server's own also behind a pooler."""
    return pooler.server_pid(_driver(connection))


def refuse_shared(connection: Connection, engine: sa.Engine) -> None:
    """Raise RefusedError where a pooler gives the session of `connection`, in AUTOCOMMIT, to others.

    `engine` connects as `connection` did. For an application's own engine: ours look at each connection they make.
    """
    driver = _driver(connection)
    if not pooler.is_pooled(driver):
        return

    def second() -> psycopg.Connection:
        other = engine.raw_connection()
        opened = other.driver_connection
        assert isinstance(opened, psycopg.Connection)
        other.detach()  # whoever asked for it closes it
        return opened

    pooler.refuse_shared(driver, second, f"{driver.info.host}:{driver.info.port}")


def _driver(connection: Connection) -> psycopg.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


@contextmanager
def migrating_session(connection: Connection, wanted: Mapping[str, str]) -> Iterator[int]:
    """Make `connection` the one that migrates inside the block; yields the pid of its server process.

    Runs beneath SQLAlchemy, so that no transaction has begun when Alembic takes the connection. In a transaction of the
    caller's the lock is held until that ends, with what was done in it. `wanted` is what to set: nothing where the
    connection was opened with it. Raises FailedError where somebody else has the lock, or nothing that is set stays.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    in_transaction = connection.in_transaction()
    driver.add_notice_handler(_tell)
    before = {name: _setting(driver, name) for name in (*wanted, *([CONNECTION_CHECK] if wanted else []))}
    connection.get_isolation_level = lambda: _isolation_level(connection)  # type: ignore[method-assign]
    try:
        lock = "pg_try_advisory_xact_lock" if in_transaction else "pg_try_advisory_lock"
        _set(driver, wanted)
        pid, alone, row_security = driver.execute(
            f"select pg_backend_pid(), {lock}(%s, %s), current_setting('row_security')", (SPACE, WORKER)
        ).fetchone() or (0, False, "")
        if not alone:
            raise FailedError(
                "Another connection began to migrate this database at this very moment.", "Run the same command again."
            )
        if row_security != "off":
            raise FailedError(
                "What is set in this session does not stay: row_security is on again, so rows could be overlooked.",
                "Connect to the server itself, or through a pooler in session mode. Nothing was changed.",
            )
        if not in_transaction:
            _notice_a_dead_client(driver)
            driver.commit()
        yield pid
    finally:
        del connection.get_isolation_level  # the class has its own
        driver.remove_notice_handler(_tell)
        if not driver.closed and driver.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
            _set(driver, before)
            if not in_transaction:
                driver.execute("select pg_advisory_unlock(%s, %s)", (SPACE, WORKER))
                driver.commit()


def reset_session(connection: Connection, settings: Settings, wanted: Mapping[str, str]) -> None:
    """Before another try: what a revision had set for itself when it was cut off is as `worker` had it."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    _set(driver, wanted or EVERY_ROW)
    for name in () if wanted else server_settings(settings):
        driver.execute(psycopg.sql.SQL("reset {}").format(psycopg.sql.Identifier(name)))
    driver.commit()


def _isolation_level(connection: Connection) -> IsolationLevel:
    """What was last set, as the driver knows it.

    Alembic asks the server before each online operation: three trips there and back, four hundred times from empty.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    if driver.autocommit:
        return "AUTOCOMMIT"
    if driver.isolation_level is not None:
        return cast("IsolationLevel", driver.isolation_level.name.replace("_", " "))
    return Connection.get_isolation_level(connection)


def _notice_a_dead_client(driver: psycopg.Connection[Any]) -> None:
    """Ask the server to look every second whether we still live; servers on Windows cannot, and say so."""
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


def _tell(notice: psycopg.errors.Diagnostic) -> None:
    """What a revision says with RAISE NOTICE or WARNING is for the operator; PostgreSQL's own chatter is not."""
    if notice.sqlstate == "01000" or (notice.severity_nonlocalized == "NOTICE" and notice.sqlstate == "00000"):
        level = logging.WARNING if notice.severity_nonlocalized == "WARNING" else logging.INFO
        if notice.source_file == "pl_exec.c":
            log.log(level, "%s", notice.message_primary)
