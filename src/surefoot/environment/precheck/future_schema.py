"""What the operations of a revision, checked one after the other, make of the database before any of them has run."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot.environment.precheck.future_rows import FutureTable, RowsUnknown
from surefoot.errors import UsageError
from surefoot.online import target_table
from surefoot.online.executor import Steps
from surefoot.runtime.lock_retry import is_lock_failure

log = logging.getLogger("surefoot")


class StopChecking(BaseException):
    """No later operation of the revision can be checked: what it does depends on what only the run will know.

    It is no Exception, so that no revision catches it.
    """


class FutureSchema:
    """The tables as they will be when the operations that were checked so far have run.

    `steps` opens the executor that queries the database; it is called with the first query, because a revision in one
    transaction has none. `context` is that of the run.
    """

    def __init__(self, steps: Callable[[], Steps], context: MigrationContext) -> None:
        assert context.connection is not None
        self._steps = steps
        self.connection: Connection = context.connection
        self.context = context
        self._tables: dict[str, FutureTable] = {}
        self._table_dropped = False
        self.retired_tables: set[str] = set()
        self.new_enums: dict[str, Sequence[str]] = {}
        """The labels of the enum types that are created, by name."""
        self.is_first = True
        """Whether no operation came before. The first one checks for itself: it runs before anything is changed."""
        self.dependents_change = False
        """Whether views, triggers, functions or policies change."""
        self.definitions_change = False
        """Whether objects are created or changed that a retired object may need to be restored."""

    @property
    def steps(self) -> Steps:
        """Return the executor that queries the database."""
        return self._steps()

    def table(self, name: str) -> FutureTable:
        """Return the table of that name, which need not exist yet."""
        return self._tables.setdefault(name, FutureTable(name, constraints_dropped=self._table_dropped))

    def drop_table(self, name: str) -> None:
        """Note that a table is dropped, and with it or before it the foreign keys that reference it."""
        self.table(name).rows_change = True
        self._table_dropped = True
        self.drop_constraints()

    def drop_constraints(self, table: str | None = None) -> None:
        """Note that constraints or indexes are dropped, of one table or of any table."""
        for each in [self.table(table)] if table else self._tables.values():
            each.constraints_dropped = True

    @property
    def constraints_dropped(self) -> bool:
        """Return whether constraints or indexes of any table are dropped."""
        return any(each.constraints_dropped for each in self._tables.values())

    @property
    def changed_tables(self) -> set[str]:
        """Return the tables whose constraints, rows or values change."""
        return {name for name, each in self._tables.items() if each.changes}

    @property
    def may_enable_restore(self) -> bool:
        """Return whether a retired object that cannot be restored now might be when its operation runs."""
        return self.definitions_change or bool(self.changed_tables)

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Leave a check that is not possible yet to the operation itself.

        RefusedError passes, and so does a lock failure or a lost connection.
        """
        try:
            yield
        except (RowsUnknown, UsageError) as fault:
            log.debug("Not asked before: %s", fault)
        except sa.exc.DBAPIError as fault:
            if is_lock_failure(fault) or fault.connection_invalidated:
                raise
            log.debug("Not asked before: %s", fault.orig)

    @contextmanager
    def new_enums_at_hand(self) -> Iterator[None]:
        """Let expressions name the enum types that are not there yet: for the block the session has its own."""
        made: list[sql.Identifier] = []
        try:
            for name, labels in self.new_enums.items():
                if self.steps.fetch(
                    "select to_regtype(:name) is null as missing", name=sql.Identifier(name).as_string()
                )[0].missing:
                    own = sql.Identifier("pg_temp", name)
                    self.steps.execute(sql.SQL("create type {} as enum ({})").format(
                        own, sql.SQL(", ").join(map(sql.Literal, labels)),
                    ))  # fmt: skip
                    made.append(own)
            yield
        finally:
            for own in made:
                self.steps.execute(sql.SQL("drop type {} cascade").format(own))

    def refuse_shared_rows(self, table: str | None) -> None:
        """Refuse a table with inheritance or partitions, as every online operation does."""
        if not self.is_first and table is not None and not self.table(table).rows_change and self._any_shares_rows:
            with self.deferring():
                target_table.find(self.steps, table)

    @cached_property
    def _any_shares_rows(self) -> bool:
        """Whether the database has any table with inheritance or partitions; queried without the cost of `steps`."""
        return bool(self.connection.exec_driver_sql(target_table.ANY_SHARES_ROWS).scalar_one())
