"""`ensure_current`: an application at start asks whether the database fits, and may have it brought up to date."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from surefoot import database
from surefoot.operate.head_check import VERSIONS, state, wholly_at
from surefoot.program import set_project
from surefoot.project import Project

WhenBehind = Literal["upgrade", "refuse"]
ONE_AT_A_TIME = threading.Lock()
"""Alembic's commands keep their state in modules: two threads of one process must not be in them together."""
UNFIT = "The database does not fit, and the application must not start: %s"


@dataclass(frozen=True)
class Ensured:
    """Where the database stands now, and what was pending when it was asked, oldest first.

    Another process that asked at the same time may have applied a part of it.
    """

    revision: str
    pending: tuple[str, ...] = ()


def ensure_current(target: Engine | Connection, project: Project, *, when_behind: WhenBehind = "upgrade") -> Ensured:
    """Make sure that the database fits this version of `project`; one round trip where it does.

    `target` is the application's engine, or a connection; give one that is in no transaction, or all of it becomes part
    of that transaction. Where revisions are pending they are applied under the migrators' lock, so that any number of
    processes and threads may call this at once; `when_behind="refuse"` leaves that to a person. An empty database is
    built. Logs under the name of the project: the beginning, the outcome, a new database, an error.
    Raises RefusedError where the database is ahead of these revisions, has tables but no revision, or is behind and
    that is refused; FailedError where a revision failed or the server cannot be reached. The application must not start
    then.
    """
    set_project(project)
    log = logging.getLogger(project.name)
    started = time.perf_counter()
    log.info("Checking the database.")
    try:
        with _connected(target) as connection:
            stands = _stands_at(connection)
            if stands == (project.head(),):
                ensured = Ensured(str(stands[0]))
            else:
                with ONE_AT_A_TIME:
                    from surefoot.operate import upgrade_to_head  # noqa: PLC0415  # only who needs Alembic waits for it

                    ensured = upgrade_to_head.to_head(connection, project, when_behind)
    except (sa.exc.DBAPIError, psycopg.Error) as fault:
        wrapped = fault if isinstance(fault, sa.exc.DBAPIError) else sa.exc.DBAPIError(VERSIONS, None, fault)
        explained = database.explain(wrapped, target.engine.url)
        log.error(UNFIT, explained)
        raise explained from fault
    except Exception as fault:
        log.error(UNFIT, fault)
        raise
    log.info(
        "The database is current at %s (%d were pending, %.3f s).",
        ensured.revision,
        len(ensured.pending),
        time.perf_counter() - started,
    )
    return ensured


@contextmanager
def _connected(target: Engine | Connection) -> Iterator[Connection]:
    if isinstance(target, Connection):
        yield target
    else:
        with target.connect() as connection:
            yield connection


def _stands_at(connection: Connection) -> tuple[str, ...]:
    """The revisions that the database is wholly at; none where `alembic_version` is missing."""
    driver = connection.connection.dbapi_connection
    try:
        if connection.in_transaction():
            return wholly_at(lambda query: _nested(connection, query))
        if isinstance(driver, psycopg.Connection) and not driver.autocommit:
            return _in_one_round_trip(driver)
        return wholly_at(lambda query: _alone(connection, query))
    except (psycopg.errors.UndefinedTable, sa.exc.ProgrammingError) as fault:
        if state(fault) != "42P01":
            raise
        return ()


def _nested(connection: Connection, query: str) -> Sequence[Sequence[Any]]:
    with connection.begin_nested():  # a missing table must not spoil the caller's transaction
        return connection.exec_driver_sql(query).all()


def _alone(connection: Connection, query: str) -> Sequence[Sequence[Any]]:
    try:
        return connection.exec_driver_sql(query).all()
    finally:
        connection.rollback()


def _in_one_round_trip(driver: psycopg.Connection) -> tuple[str, ...]:
    """Without the BEGIN and ROLLBACK around it that a connection of SQLAlchemy's would send."""
    driver.autocommit = True
    try:
        return wholly_at(lambda query: driver.execute(query.encode()).fetchall())
    finally:
        if not driver.closed:
            driver.autocommit = False
