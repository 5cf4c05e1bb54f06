"""`ensure_current` lets an application check the database when it starts, and upgrade it if it is behind."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Union

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from surefoot import database, settings
from surefoot.program import program, set_project
from surefoot.project import Project
from surefoot.runtime import head_check
from surefoot.runtime.head_check import VERSIONS, finished_revisions, sqlstate
from surefoot.servers import hosts
from surefoot.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Target = Union[Engine, Connection, URL, str, "AsyncEngine", "AsyncConnection"]
WhenBehind = Literal["upgrade", "refuse"]
ONE_AT_A_TIME = threading.Lock()
"""Alembic's commands keep their state in modules, so only one thread of a process may run them at a time."""
UNFIT = "The database does not fit, and the application must not start: %s"


@dataclass(frozen=True)
class Ensured:
    """The revision that the database is at now, and the revisions that were pending before, oldest first.

    Another process that called `ensure_current` at the same time may have applied a part of them.
    """

    revision: str
    pending: tuple[str, ...] = ()
    newer: str = field(default="", repr=False)
    """Where the database is newer than this version and this version can work with it: the sentence that says why."""


def ensure_current(target: Target, project: Project, *, when_behind: WhenBehind = "upgrade") -> Ensured:
    """Make sure that the database fits this version of `project`. If it does, this costs one round trip.

    `target` is the application's engine, a connection, or a URL; on a connection that is in a transaction, everything
    becomes part of that transaction. An AsyncEngine is taken too, and an event loop stands still meanwhile; where it
    must not, there is `ensure_current_async`. Pending revisions are applied under the migrators' lock, so that any
    number of processes and threads may call this at once; with `when_behind="refuse"` they are left to an operator. An
    empty database is built. One that is newer is accepted where all that is newer only adds, as its journal tells. The
    beginning, the outcome, a new database and an error are logged under the name of the project.

    Raises UsageError for another driver than psycopg 3 and for a URL that is none; RefusedError if the database is
    newer than the project's revisions by more than additions, has tables but no revision, or is behind and
    `when_behind` is "refuse"; FailedError if a revision failed or the server cannot be reached. The application must
    not start then.
    """
    set_project(project)
    log = logging.getLogger(project.name)
    started = time.perf_counter()
    log.info("Checking the database.")
    try:
        found = _reached(target, project)
        with _connected(found) as connection:
            revisions = _current_revisions(connection, settings.load(project))
            if revisions == (project.head(),):
                ensured = Ensured(str(revisions[0]))
            else:
                with _one_at_a_time(connection):
                    from surefoot.operate import upgrade_to_head  # noqa: PLC0415  # only who needs Alembic waits for it

                    ensured = upgrade_to_head.to_head(connection, project, when_behind)
    except (sa.exc.DBAPIError, psycopg.Error) as fault:
        wrapped = fault if isinstance(fault, sa.exc.DBAPIError) else sa.exc.DBAPIError(VERSIONS, None, fault)
        explained = database.explain(wrapped, found.engine.url)
        log.error(UNFIT, explained)
        raise explained from fault
    except Exception as fault:
        log.error(UNFIT, fault)
        raise
    if ensured.newer:
        log.info("%s", ensured.newer)
        return ensured
    log.info(
        "The database is current at %s (%d were pending, %.3f s).",
        ensured.revision,
        len(ensured.pending),
        time.perf_counter() - started,
    )
    return ensured


async def ensure_current_async(target: Target, project: Project, *, when_behind: WhenBehind = "upgrade") -> Ensured:
    """Do what `ensure_current` does, without stopping the event loop: an AsyncEngine is the usual `target`.

    It works in a thread, on a connection of its own that is made as the engine makes its own. On an AsyncConnection it
    works in this loop, inside `run_sync`. Raises what `ensure_current` raises.
    """
    from sqlalchemy.ext.asyncio import AsyncConnection  # noqa: PLC0415  # only who is async waits for it

    if isinstance(target, AsyncConnection):
        return await target.run_sync(ensure_current, project, when_behind=when_behind)
    return await asyncio.to_thread(ensure_current, target, project, when_behind=when_behind)


def _reached(target: Target, project: Project) -> Engine | Connection:
    """Return an engine or a connection that works without `await`. Raises UsageError where there is none."""
    if isinstance(target, URL):
        target = hosts.written(target)
    if isinstance(target, str):
        url = database.url_of(settings.load(project, database_url=target))
        return database.engine_for(url, application_name=f"{program()} ensure")
    if isinstance(target, Engine | Connection) and target.dialect.driver == "psycopg" and not target.dialect.is_async:
        return target
    from surefoot.servers import async_driver  # noqa: PLC0415  # only who is async waits for it

    found: Engine | Connection = async_driver.without_await(target)
    return found


@contextmanager
def _one_at_a_time(connection: Connection) -> Iterator[None]:
    """Hold ONE_AT_A_TIME inside the block; an event loop goes on meanwhile, for one of its tasks may have it."""
    if connection.dialect.is_async:
        from surefoot.servers import async_driver  # noqa: PLC0415  # as above

        async_driver.acquire(ONE_AT_A_TIME)
    else:
        ONE_AT_A_TIME.acquire()
    try:
        yield
    finally:
        ONE_AT_A_TIME.release()


@contextmanager
def _connected(target: Engine | Connection) -> Iterator[Connection]:
    if isinstance(target, Connection):
        yield target
    else:
        with target.connect() as connection:
            yield connection


def _current_revisions(connection: Connection, limits: Settings) -> tuple[str, ...]:
    """Return the revisions that the database is wholly at; none if `alembic_version` is missing.

    Outside a transaction nothing is waited for longer than `limits` say.
    """
    driver = connection.connection.dbapi_connection
    try:
        if connection.in_transaction():
            return finished_revisions(lambda query: _nested(connection, query))
        if isinstance(driver, psycopg.Connection):
            return finished_revisions(partial(head_check.fetch, driver, limits))
        return finished_revisions(lambda query: _alone(connection, limits, query))
    except (psycopg.errors.UndefinedTable, sa.exc.ProgrammingError) as fault:
        if sqlstate(fault) != "42P01":
            raise
        return ()


def _nested(connection: Connection, query: str) -> Sequence[Sequence[Any]]:
    with connection.begin_nested():  # a missing table must not spoil the caller's transaction
        return connection.exec_driver_sql(query).all()


def _alone(connection: Connection, limits: Settings, query: str) -> Sequence[Sequence[Any]]:
    try:
        connection.exec_driver_sql(f"set local lock_timeout = {limits.lock_timeout}")
        return connection.exec_driver_sql(query).all()
    finally:
        connection.rollback()
