"""Run the statements of an online operation: each in a transaction of its own, retried until it gets its locks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script
from psycopg import sql
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import Connection, Row

from surefoot import database, private_members
from surefoot.errors import UsageError
from surefoot.program import alembic_command
from surefoot.runtime import lock_retry

Result = TypeVar("Result")
Statement = str | sql.Composable | sa.Executable
"""SQL text without parameters, a psycopg composable, or a SQLAlchemy construct. Names are never formatted into text."""

REPLACE_LOCK_TIMEOUT = """
  with present as materialized (select current_setting('lock_timeout') as before)
select before, set_config('lock_timeout', :new, false)
  from present
"""
SPLIT_LOCK_TIMEOUT = sql.SQL("""
select set_config('lock_timeout', case setting when '0' then '0' else greatest(setting::integer / {}, 1)::text end,
                  true)
  from pg_settings
 where name = 'lock_timeout'
""")
LONG_LOCK_TIMEOUT = "60s"
"""lock_timeout of a statement that blocks nobody while it waits, such as CREATE INDEX CONCURRENTLY."""


class Steps:
    """The statements of one online operation. Use it as a context manager: inside, no transaction is open.

    Offline, that is under `--sql`, statements are printed instead of run. Entering raises UsageError where the caller
    passed a connection that is already in a transaction.
    """

    def __init__(self, operations: Operations) -> None:
        self.context: MigrationContext = operations.migration_context
        self.offline = self.context.as_sql
        self._block: Any = None

    def __enter__(self) -> "Steps":
        if private_members.in_callers_transaction(self.context):
            raise UsageError(
                "An online operation cannot run inside a transaction of the caller's.",
                f"Pass a connection that is not in a transaction, or run {alembic_command()} upgrade.",
            )
        already = not self.offline and self.connection.get_isolation_level() == "AUTOCOMMIT"
        self._block = nullcontext() if already else self.context.autocommit_block()
        self._block.__enter__()
        return self

    def __exit__(self, *fault: Any) -> None:
        self._block.__exit__(*fault)

    @property
    def connection(self) -> Connection:
        """The connection that runs the revision. Offline there is none, and nothing may ask for it."""
        assert self.context.connection is not None
        return self.context.connection

    @property
    def revision(self) -> str:
        """The id of the running revision; 'unnamed' where an operation is run outside of one, as in a test."""
        step = self._step
        return "unnamed" if step is None else str(step.revision.revision)

    @property
    def direction(self) -> str:
        """'upgrade' or 'downgrade'; 'unknown' where an operation is run outside of a revision."""
        step = self._step
        return "unknown" if step is None else "upgrade" if step.is_upgrade else "downgrade"

    @property
    def script(self) -> Script | None:
        """The running revision as Alembic read its file; None where an operation is run outside of a revision."""
        return None if self._step is None else self._step.revision

    @property
    def _step(self) -> RevisionStep | None:
        step = getattr(getattr(self.context.opts.get("run"), "plan", None), "current", None)
        return step if isinstance(step, RevisionStep) else None

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open: what is read then may not be committed. Offline there is none."""
        if self.offline:
            return False
        driver = self.connection.connection.dbapi_connection
        return driver is None or driver.info.transaction_status != psycopg.pq.TransactionStatus.IDLE

    def fetch(self, query: str | sql.Composable, **values: Any) -> list[Row[Any]]:
        """Return the rows of a query, now and without a retry; none offline.

        Text has `:name` parameters, which `values` gives; a composable has none.
        """
        if self.offline:
            return []
        if isinstance(query, sql.Composable):
            return list(database.execute_verbatim(self.connection, query))
        return list(self.connection.exec_driver_sql(_with_driver_parameters(query), values))

    def run(self, *statements: Statement, lock_timeout: str | None = None) -> None:
        """Run the statements, each in a transaction of its own, each retried until it gets its locks.

        `lock_timeout` (such as '60s') replaces the session's for these statements; give one only for statements that
        block nobody while they wait.
        """
        for statement in statements:
            with nullcontext() if lock_timeout is None else self.lock_timeout(lock_timeout):
                self._retry(lambda statement=statement: self.execute(statement))  # type: ignore[misc]

    @contextmanager
    def lock_timeout(self, lock_timeout: str) -> Iterator[None]:
        """Set lock_timeout (such as '60s') of the session inside the block, which holds no `transaction()`; see `run`.

        It is cut to the operator's own deadline for locks, after which the revision ends.
        """
        run = None if self.offline else self.context.opts.get("run")
        if run is not None and run.settings.lock_deadline < float(lock_timeout.removesuffix("s")):
            lock_timeout = f"{max(int(run.settings.lock_deadline * 1000), 1)}ms"
        before = None
        if self.offline:
            self.execute(sql.SQL("set lock_timeout = {}").format(lock_timeout))
        else:
            before = self.fetch(REPLACE_LOCK_TIMEOUT, new=lock_timeout)[0].before
        try:
            yield
        finally:
            if before is None:
                self.execute("reset lock_timeout")
            elif not self.connection.invalidated:
                # RESET would not do: on a connection that was passed in, the application may have set its own value
                self.execute(sql.SQL("set lock_timeout = {}").format(before))

    def run_in_transaction(self, *statements: Statement) -> None:
        """Run the statements in one short transaction, which is retried as a whole until it gets its locks."""

        def work() -> None:
            with self.transaction():
                for statement in statements:
                    self.execute(statement)

        self._retry(work)

    def retry_on_lock(self, work: Callable[[], Result]) -> Result:
        """Call `work`, which opens its own `transaction()`s, until it gets its locks; return what it returns."""
        results: list[Result] = []
        self._retry(lambda: results.append(work()))
        return results[-1]

    @contextmanager
    def transaction(self, setting: str = "") -> Iterator[None]:
        """Open one transaction by BEGIN and COMMIT: the connection is in autocommit inside an online operation.

        `setting` is a statement, such as SET LOCAL, that goes to the server with BEGIN, in one round trip.
        """
        self.execute(f"begin; {setting}" if setting else "begin")
        try:
            yield
        except BaseException:
            if not self.offline and not self.connection.invalidated:
                self.execute("rollback")
            raise
        self.execute("commit")

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """Open one transaction that is rolled back at the end of the block: nothing made in it stays."""
        self.execute("begin")
        try:
            yield
        finally:
            if not self.connection.invalidated:
                self.execute("rollback")

    def execute(self, statement: Statement) -> int:
        """Run one statement once, without a retry; return how many rows it changed. Offline print it and return 0."""
        if isinstance(statement, sql.Composable):
            statement = statement.as_string()
        if isinstance(statement, str) and not self.offline:
            return database.execute_verbatim(self.connection, statement).rowcount
        if isinstance(statement, str):
            statement = sa.text(statement.replace(":", r"\:"))
        if self.offline:
            private_members.print_statement(self.context, statement)
            return 0
        result: sa.CursorResult[Any] = self.connection.execute(statement)
        return result.rowcount

    def _retry(self, work: Callable[[], Any]) -> None:
        run = self.context.opts.get("run")
        if self.offline or run is None:
            work()
        else:
            lock_retry.retry_on_lock(work, lambda: work, run.monitor, run.settings.lock_deadline)


@cache
def _with_driver_parameters(query: str) -> str:
    """Return `query` with psycopg's parameters; kept, because SQLAlchemy's compiler takes half as long as a query."""
    return str(sa.text(query).compile(dialect=PGDialect_psycopg()))  # type: ignore[no-untyped-call]
