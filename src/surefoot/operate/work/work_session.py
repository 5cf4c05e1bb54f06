"""The connections of a worker: one that works, one that takes the locks and reads the queue, one that looks on."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import URL, Connection, Engine

from surefoot import database, search_path
from surefoot.errors import FailedError
from surefoot.online.executor import Steps
from surefoot.program import program
from surefoot.runtime import interrupts, migrator_lock, ownership
from surefoot.runtime.session import (
    backend_pid,
    connect_once_more,
    end_when_lost,
    migrating_session,
    server_settings,
)
from surefoot.runtime.session_monitor import SessionMonitor, monitored
from surefoot.servers import answering
from surefoot.settings import Settings


class WorkSession:
    """What online operations need of a run, outside of one. All connections are in AUTOCOMMIT.

    `connection` works, as the owner of the tables; `watcher` takes the locks.
    """

    plan = None
    """No revision runs."""

    def __init__(
        self, settings: Settings, connection: Connection, watcher: Connection, monitor: SessionMonitor
    ) -> None:
        self.settings = settings
        self.connection = connection
        self.watcher = watcher
        self.monitor = monitor
        context = MigrationContext.configure(connection, opts={"run": self})
        self._steps = Steps(Operations(context))

    @contextmanager
    def as_migrator(self) -> Iterator[Steps]:
        """Yield the executor of online operations, as the only migrator of the database inside the block.

        Raises FailedError where another one runs for longer than `migrator_deadline`.
        """
        self.connection.commit()  # so that no transaction is taken for one of somebody else's
        pid = backend_pid(self.connection)
        with (
            migrator_lock.only_migrator(self.watcher, self.settings.migrator_deadline, pid),
            migrating_session(self.connection, {}, self.settings),
            self._steps as steps,
        ):
            yield steps
        end_when_lost(database.driver_of(self.connection), 0)  # until the next time nothing is held

    def keep_alive(self) -> None:
        """Say something on the connection that works, for a pooler or a firewall between it and the server."""
        self.connection.exec_driver_sql("select 1")


@contextmanager
def opened(settings: Settings, url: URL) -> Iterator[WorkSession]:
    """Connect to the database of `url` as its only worker.

    Raises FailedError where another one is at work, ConnectFailed and the other errors of `database.explain`.
    """
    engine = database.engine_for(
        url,
        application_name=f"{program()} work",
        options=server_settings(settings),
        answer_timeout=settings.answer_timeout,
    )
    with ExitStack() as stack:
        try:
            yield _enter(stack, engine, settings)
        except sa.exc.DBAPIError as fault:
            raise database.explain(fault, url) from fault


def _enter(stack: ExitStack, engine: Engine, settings: Settings) -> WorkSession:
    worker, watcher, onlooker = (
        stack.enter_context(engine.connect()).execution_options(isolation_level="AUTOCOMMIT") for _ in range(3)
    )
    driver = database.driver_of(worker)
    for each in (worker, watcher):  # a long build, or a long pause, leaves them silent
        end_when_lost(database.driver_of(each), 0)
    _only_worker(watcher)
    tables = search_path.tables_of(settings.project)()
    stack.enter_context(ownership.as_table_owner(driver, tables, in_transaction=False))
    monitor = SessionMonitor(
        database.driver_of(onlooker),
        driver,
        backend_pid(worker),
        lambda: connect_once_more(engine),
        settings.answer_timeout,
    )
    stack.enter_context(interrupts.end_in_time(worker, watcher))
    stack.enter_context(monitored(monitor))
    stack.enter_context(answering.unlimited(driver))
    return WorkSession(settings, worker, watcher, monitor)


def _only_worker(watcher: Connection) -> None:
    if not migrator_lock.try_lock(watcher, migrator_lock.QUEUE):
        who = migrator_lock.holder(watcher, migrator_lock.QUEUE) or "a session that has just ended"
        raise FailedError(
            f"Another worker is at work in this database: {who}.",
            f"Let it work: python -m {program()} status shows how far it is. Nothing was changed.",
        )
