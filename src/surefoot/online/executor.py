"""How an online operation runs its statements: each in a transaction of its own, patient with locks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script
from psycopg import sql
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import Connection, Row

from surefoot import database, private_members
from surefoot.errors import UsageError
from surefoot.runtime import lock_retry

Done = TypeVar("Done")
Statement = str | sql.Composable | sa.Executable
"""Text without parameters, composed identifiers, or SQLAlchemy's own; never a formatted string with a name in it."""

REPLACE_LOCK_TIMEOUT = """
  with present as materialized (select current_setting('lock_timeout') as before)
select before, set_config('lock_timeout', :new, false)
  from present
"""
PATIENT = "60s"
"""lock_timeout of what waits without stopping anybody, as a concurrent index build does for older transactions."""


class Steps:
    """The statements of one online operation. Use as a context manager; inside, nothing of the revision is open.

    `revision` is the id of the revision that runs, which names what is set aside or temporary.
    """

    def __init__(self, operations: Operations) -> None:
        self.context: MigrationContext = operations.migration_context
        self.offline = self.context.as_sql
        self._block: Any = None

    def __enter__(self) -> "Steps":
        if private_members.in_callers_transaction(self.context):
            raise UsageError(
                "An online operation cannot run inside a transaction of the caller's.",
                "Pass a connection that is not in a transaction, or run python -m alembic upgrade.",
            )
        already = not self.offline and self.connection.get_isolation_level() == "AUTOCOMMIT"
        self._block = nullcontext() if already else self.context.autocommit_block()
        self._block.__enter__()
        return self

    def __exit__(self, *fault: Any) -> None:
        self._block.__exit__(*fault)

    @property
    def connection(self) -> Connection:
        """The connection that works; never asked for offline."""
        assert self.context.connection is not None
        return self.context.connection

    @property
    def revision(self) -> str:
        """The id of the revision that runs; 'unnamed' where an operation is run by itself, as in a test."""
        step = self._step
        return "unnamed" if step is None else str(step.revision.revision)

    @property
    def direction(self) -> str:
        """'upgrade' or 'downgrade'; 'unknown' where an operation is run by itself."""
        step = self._step
        return "unknown" if step is None else "upgrade" if step.is_upgrade else "downgrade"

    @property
    def script(self) -> Script | None:
        """The revision that runs, as Alembic read its file; None where an operation is run by itself."""
        return None if self._step is None else self._step.revision

    @property
    def _step(self) -> RevisionStep | None:
        step = getattr(getattr(self.context.opts.get("run"), "plan", None), "current", None)
        return step if isinstance(step, RevisionStep) else None

    def look(self, query: str, **values: Any) -> list[Row[Any]]:
        """Read the catalogue or rows: `query` has `:name` parameters. Offline there is nothing to see."""
        if self.offline:
            return []
        return list(self.connection.exec_driver_sql(_as_the_driver_has_it(query), values))

    def run(self, *statements: Statement, lock_timeout: str | None = None) -> None:
        """Run the statements, each in a transaction of its own, each again and again until it gets its locks.

        `lock_timeout` holds for these statements alone; give one only for what stops nobody while it waits.
        """
        for statement in statements:
            with nullcontext() if lock_timeout is None else self.waiting(lock_timeout):
                self._patiently(lambda statement=statement: self._execute(statement))  # type: ignore[misc]

    @contextmanager
    def waiting(self, lock_timeout: str) -> Iterator[None]:
        """Wait that long ('60s') for locks inside the block, outside any `transaction()`; see `run`.

        Never longer than the operator's own deadline, after which a lock that was not to be had ends the revision.
        """
        run = None if self.offline else self.context.opts.get("run")
        if run is not None and run.settings.lock_deadline < float(lock_timeout.removesuffix("s")):
            lock_timeout = f"{max(int(run.settings.lock_deadline * 1000), 1)}ms"
        before = None
        if self.offline:
            self._execute(sql.SQL("set lock_timeout = {}").format(lock_timeout))
        else:
            before = self.look(REPLACE_LOCK_TIMEOUT, new=lock_timeout)[0].before
        try:
            yield
        finally:
            if before is None:
                self._execute("reset lock_timeout")
            elif not self.connection.invalidated:
                # RESET would not do: of a connection that was passed in, the session's own value is an application's
                self._execute(sql.SQL("set lock_timeout = {}").format(before))

    def together(self, *statements: Statement) -> None:
        """Run the statements in one transaction, the whole of it again until it gets its locks. Keep it short."""

        def work() -> None:
            with self.transaction():
                for statement in statements:
                    self._execute(statement)

        self._patiently(work)

    def repeat(self, work: Callable[[], Done]) -> Done:
        """Run `work`, which opens `transaction()`s itself, again until it gets its locks; returns what it returns."""
        done: list[Done] = []
        self._patiently(lambda: done.append(work()))
        return done[-1]

    @contextmanager
    def transaction(self, setting: str = "") -> Iterator[None]:
        """Open a transaction as SQL says it: Alembic's own is closed inside an online operation.

        `setting` is a `set local …` that goes to the server with `begin`, in one round trip.
        """
        self._execute(f"begin; {setting}" if setting else "begin")
        try:
            yield
        except BaseException:
            if not self.offline and not self.connection.invalidated:
                self._execute("rollback")
            raise
        self._execute("commit")

    def execute(self, statement: Statement, **values: Any) -> "sa.CursorResult[Any] | None":
        """Run one statement now, once, inside a `transaction()` or by itself; offline it is printed."""
        return self._execute(statement, values)

    def _execute(self, statement: Statement, values: dict[str, Any] | None = None) -> "sa.CursorResult[Any] | None":
        if isinstance(statement, sql.Composable):
            statement = statement.as_string()
        if isinstance(statement, str) and not values and not self.offline:
            return database.execute_verbatim(self.connection, statement)
        if isinstance(statement, str):
            statement = sa.text(statement if values else statement.replace(":", r"\:"))
        if self.offline:
            printed = statement.bindparams(**values) if values else statement  # type: ignore[attr-defined]
            private_members.print_statement(self.context, printed)
            return None
        return self.connection.execute(statement, values or {})

    def _patiently(self, work: Callable[[], Any]) -> None:
        run = self.context.opts.get("run")
        if self.offline or run is None:
            work()
        else:
            lock_retry.retry_on_lock(work, lambda: work, run.monitor, run.settings.lock_deadline)


@cache
def _as_the_driver_has_it(query: str) -> str:
    """`query` with the driver's parameters: the way through SQLAlchemy's compiler costs half as much as a query."""
    return str(sa.text(query).compile(dialect=PGDialect_psycopg()))  # type: ignore[no-untyped-call]
