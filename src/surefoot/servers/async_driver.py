"""The connections of an async application, used without `await`: both kinds of psycopg share libpq's connection.

`await connection.run_sync(function)` runs the function in a greenlet, where SQLAlchemy's statements are awaited for it.
What we tell the driver itself goes over the same session through a synchronous object, and stops the event loop.
"""

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.util import concurrency

from surefoot.errors import UsageError
from surefoot.program import program

SYNC = "postgresql+psycopg"
DRIVERS = frozenset({"psycopg", "psycopg_async"})
"""How SQLAlchemy calls psycopg 3 in its two forms."""
PAUSE = 0.05
"""Seconds between two looks at a lock for which an event loop must not stand still."""


class _Shared:
    """An attribute that the synchronous object reads from the asynchronous one, and writes to it."""

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, driver: "SharedConnection", _: type | None = None) -> Any:
        return getattr(driver.owner, self._name)

    def __set__(self, driver: "SharedConnection", value: object) -> None:
        if driver.complete:
            setattr(driver.owner, self._name, value)


class SharedConnection(psycopg.Connection[Any]):
    """The session of an AsyncConnection, `owner`, for statements without `await`.

    Both have one state: autocommit, isolation level, prepared statements, handlers of notices.
    """

    complete = False
    _pool = None  # it is not closed at its end, and psycopg warns of that only outside a pool
    _autocommit = _Shared()
    _adapters = _Shared()
    _notice_handlers = _Shared()
    _notify_handlers = _Shared()
    _num_transactions = _Shared()
    _prepared = _Shared()
    _tpc = _Shared()
    _notifies_backlog = _Shared()
    _pipeline = _Shared()
    _isolation_level = _Shared()
    _read_only = _Shared()
    _deferrable = _Shared()
    _begin_statement = _Shared()

    def __init__(self, owner: psycopg.AsyncConnection[Any]) -> None:
        self.owner = owner
        handlers = owner.pgconn.notice_handler, owner.pgconn.notify_handler
        super().__init__(owner.pgconn)
        owner.pgconn.notice_handler, owner.pgconn.notify_handler = handlers  # which stay the owner's
        self.complete = True


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    """Return the psycopg connection beneath `connection`, that of an async application as a SharedConnection.

    Raises UsageError for another driver.
    """
    driver = connection.connection.driver_connection
    if isinstance(driver, psycopg.AsyncConnection):
        return SharedConnection(driver)
    if not isinstance(driver, psycopg.Connection):
        raise other_driver(connection.dialect)
    return driver


def refuse_other_driver(dialect: sa.Dialect) -> None:
    """Raise UsageError for an engine of another driver than psycopg 3, before anything connects."""
    if dialect.driver not in DRIVERS:
        raise other_driver(dialect)


def other_driver(dialect: sa.Dialect) -> UsageError:
    """Return the error for an application that connects through another driver."""
    form = "create_async_engine" if dialect.is_async else "create_engine"
    return UsageError(
        f"The application connects through {dialect.driver}, but {program()} needs psycopg 3.",
        f"For this call use {form}('postgresql+psycopg://…'), or give ensure_current the URL: "
        "postgresql://user:password@host:5432/database.",
    )


def without_await(given: Any) -> Any:
    """Return what was given, and in place of an AsyncEngine an engine that connects as it does without `await`.

    Raises UsageError for an AsyncConnection, and its connection outside of `run_sync`, as no statement would get
    through; and for another driver than psycopg 3.
    """
    extension = sys.modules.get("sqlalchemy.ext.asyncio")  # it needs greenlet, which is there where it was imported
    if extension is not None and isinstance(given, extension.AsyncEngine):
        given = given.sync_engine
    if isinstance(given, Engine | Connection):
        refuse_other_driver(given.dialect)
    if isinstance(given, Engine) and given.dialect.is_async:
        return sync_engine(given)
    outside = isinstance(given, Connection) and given.dialect.is_async and not concurrency.in_greenlet()
    if outside or (extension is not None and isinstance(given, extension.AsyncConnection)):
        raise UsageError(
            "The connection is an AsyncConnection's, and nothing awaits it here.",
            "Use await ensure_current_async(connection), or await connection.run_sync(function): that gives the "
            "function the connection to pass on.",
        )
    return given


def sync_engine(engine: Engine) -> Engine:
    """Return an engine without a pool that connects as `engine`, which is an async one's `sync_engine`, without await.

    It works in every thread, with an event loop or without one: each connection is made as the async engine makes it,
    by its creator and its events, in a loop that ends with that, and is an ordinary one of psycopg's from then on.
    """
    creator = engine.pool._creator  # noqa: SLF001  # as private_members.separate_pool, which loads Alembic

    async def connect() -> psycopg.AsyncConnection[Any]:
        adapted = await concurrency.greenlet_spawn(creator)
        driver = engine.dialect.get_driver_connection(adapted)
        assert isinstance(driver, psycopg.AsyncConnection)
        return driver

    def run() -> psycopg.AsyncConnection[Any]:
        # psycopg does not work with the loop that is Windows' own
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(connect())

    def create() -> psycopg.Connection[Any]:
        with ThreadPoolExecutor(1) as thread:  # this thread may have a loop that runs
            return SharedConnection(thread.submit(run).result())

    return sa.create_engine(sync_url(engine.url), pool=sa.NullPool(create))  # type: ignore[arg-type]  # of its protocol


def sync_url(url: URL) -> URL:
    """Return the URL for psycopg's synchronous form."""
    return url.set(drivername=SYNC)


def acquire(lock: threading.Lock) -> None:
    """Take `lock` inside `run_sync`. The other tasks of the event loop go on meanwhile."""
    while not lock.acquire(blocking=False):
        concurrency.await_only(asyncio.sleep(PAUSE))
