"""Each operation of a revision, seen before it runs: what it would refuse is asked, what it changes is noted."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, singledispatchmethod
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops
from alembic.operations.ops import MigrateOperation
from sqlalchemy.engine import Connection

from surefoot.environment.precheck.future_rows import FutureTable, RowsUnknown
from surefoot.environment.precheck.row_preserving_sql import changes_dependents, preserves_rows
from surefoot.errors import RefusedError, UsageError
from surefoot.online import target_table
from surefoot.online.backfill.operation import BackfillOp
from surefoot.online.change_types import column_dependents, dependents_rebuild, unconvertible_rows
from surefoot.online.change_types.conversion import Conversion
from surefoot.online.change_types.operation import ChangeTypesOnlineOp
from surefoot.online.change_types.preflight import scratch
from surefoot.online.constraints import check_constraints, constraint_specs, foreign_keys, not_null_methods
from surefoot.online.constraints.check_constraints import AddCheckOnlineOp, DropConstraintOnlineOp
from surefoot.online.constraints.foreign_keys import AddForeignKeyOnlineOp
from surefoot.online.constraints.not_null import DropNotNullOnlineOp, SetNotNullOnlineOp
from surefoot.online.constraints.unique_constraints import AddUniqueOnlineOp
from surefoot.online.enums import enum_labels
from surefoot.online.enums.enum_operations import ChangeEnumOp, CreateEnumOp, RetireEnumOp
from surefoot.online.executor import Steps
from surefoot.online.indexes import index_builder
from surefoot.online.indexes.index_operations import CreateIndexOnlineOp, DropIndexOnlineOp
from surefoot.online.retire import column_restoration, column_retirement, table_retirement
from surefoot.online.retire.retire_operations import (
    RestoreColumnOp,
    RestoreRowsOp,
    RestoreTableOp,
    RetireColumnOp,
    RetireRowsOp,
    RetireTableOp,
)
from surefoot.runtime.lock_retry import is_lock_failure

log = logging.getLogger("surefoot")

PLAIN = (
    ops.CreateCheckConstraintOp | ops.CreateForeignKeyOp | ops.CreatePrimaryKeyOp | ops.CreateUniqueConstraintOp
    | ops.CreateTableCommentOp | ops.DropTableCommentOp
)  # fmt: skip


class StopChecking(BaseException):
    """From here on nothing can be asked: what is done depends on what only the run itself will know.

    No Exception, so that no revision catches it.
    """


class OperationChecks:
    """The operations of one run of a revision, in their order. Raises RefusedError where one would be refused."""

    def __init__(self, steps: Callable[[], Steps], connection: Connection) -> None:
        self._steps = steps
        self._connection = connection
        self._tables: dict[str, FutureTable] = {}
        self._retired: set[str] = set()
        self._changed = False
        """The first operation that changes something asks for itself, before it does."""
        self._table_dropped = False
        self._dependents = self._definitions = False
        """Whether what hangs on tables changes; whether anything is defined anew that a thing may need to come back."""

    def invoke(self, op: MigrateOperation) -> Any:
        """Ask and note; what the operation will return, as far as a revision goes by that."""
        found = self._see(op)
        self._changed = True
        return found

    @property
    def steps(self) -> Steps:
        """Opened when something is asked: a revision in one transaction has nothing to ask."""
        return self._steps()

    @singledispatchmethod
    def _see(self, op: MigrateOperation) -> Any:
        raise StopChecking(type(op).__name__)

    def _of(self, table: str) -> FutureTable:
        return self._tables.setdefault(table, FutureTable(table, rules_go=self._table_dropped))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """What cannot be asked is left to the operation itself; a lock that is not to be had is not."""
        try:
            yield
        except (RowsUnknown, UsageError) as fault:
            log.debug("Not asked before: %s", fault)
        except sa.exc.DBAPIError as fault:
            if is_lock_failure(fault) or fault.connection_invalidated:
                raise
            log.debug("Not asked before: %s", fault.orig)

    # Rules.

    @_see.register
    def _(self, op: AddCheckOnlineOp) -> None:
        if self._changed and not self._dependents:  # it may call a function that changes
            with self._asking():
                table = self._of(op.table_name).table(self.steps)
                there = constraint_specs.find(self.steps, table, op.constraint_name)
                promise = check_constraints.promised(self.steps, op, table)
                if there is None or not there.valid or there.definition != promise.definition:
                    promise.refuse_rows(table)

    @_see.register
    def _(self, op: AddForeignKeyOnlineOp) -> None:
        if self._changed:
            with self._asking():
                table = self._of(op.source_table).table(self.steps)
                referent = self._of(op.referent_table).table(self.steps)
                foreign_keys.promised(self.steps, op, table, referent).refuse_rows(table)

    @_see.register
    def _(self, op: AddUniqueOnlineOp) -> None:
        self._unique(op.index(op.constraint_name))

    @_see.register
    def _(self, op: CreateIndexOnlineOp) -> None:
        if op.unique:
            self._unique(op)
        else:
            self._alone(op.table_name)

    def _unique(self, op: CreateIndexOnlineOp) -> None:
        if self._changed and not self._dependents:
            with self._asking():
                table = self._of(op.table_name).table(self.steps)
                index = index_builder.wanted_index(self.steps, table, op)
                index_builder.refuse_duplicates(self.steps, table, str(op.index_name), index)

    @_see.register
    def _(self, op: SetNotNullOnlineOp) -> None:
        if self._changed:
            with self._asking():
                table = self._of(op.table_name).table(self.steps)
                not_null_methods.refuse_nulls(self.steps, table, op.column_name)

    def _alone(self, table: str | None) -> None:
        """Every operation refuses a table whose rows are another's too."""
        if self._changed and table is not None and not self._of(table).rows_change and self._tables_share_rows:
            with self._asking():
                target_table.find(self.steps, table)

    @cached_property
    def _tables_share_rows(self) -> bool:
        """Whether the database has any table with inheritance or partitions; asked without the cost of `steps`."""
        return bool(self._connection.exec_driver_sql(target_table.ANY_SHARES_ROWS).scalar_one())

    @_see.register
    def _(self, op: DropConstraintOnlineOp) -> None:
        self._alone(op.table_name)
        self._of(op.table_name).rules_go = True

    @_see.register
    def _(self, op: ops.DropConstraintOp) -> None:
        self._of(op.table_name).rules_go = True

    @_see.register
    def _(self, op: DropIndexOnlineOp | ops.DropIndexOp) -> None:
        if isinstance(op, DropIndexOnlineOp):
            self._alone(op.table_name)
        for each in [self._of(op.table_name)] if op.table_name else self._tables.values():
            each.rules_go = True

    @_see.register
    def _(self, op: DropNotNullOnlineOp) -> None:
        self._alone(op.table_name)
        self._definitions = True

    @_see.register
    def _(self, _: CreateEnumOp | RetireEnumOp | PLAIN) -> None:
        self._definitions = True

    # Columns and their values.

    @_see.register
    def _(self, op: ChangeTypesOnlineOp) -> None:
        coming = self._of(op.table_name)
        if self._changed:
            with self._asking():
                conversion = self._conversion(coming, op)
                unconvertible_rows.refuse_rows(self.steps, conversion)
                if not self._dependents and not coming.rules_go:
                    dependents_rebuild.rehearse(self.steps, conversion, column_dependents.read(self.steps, conversion))
        coming.types.append(op.wanted)

    def _conversion(self, coming: FutureTable, op: ChangeTypesOnlineOp) -> Conversion:
        try:
            return coming.conversion(self.steps, op.wanted)
        except RefusedError:
            if self._dependents or coming.rules_go:  # what is in the way now may be gone by then
                raise RowsUnknown from None
            raise

    @_see.register
    def _(self, op: ChangeEnumOp) -> None:
        wanted = tuple(op.labels)
        for table, names in enum_labels.columns_of(self.steps, op.name).items():
            coming = self._of(table)
            for name in names:
                if self._changed and name not in coming.columns and not coming.rows_change:
                    with self._asking():
                        enum_labels.refuse_held(self.steps, op.name, enum_labels.Labels(wanted, ()), table, name)
            coming.unknown(*names)
        self._definitions = True

    @_see.register
    def _(self, op: BackfillOp) -> None:
        self._alone(op.table_name)
        self._of(op.table_name).unknown(*op.values)

    @_see.register
    def _(self, op: RetireColumnOp) -> None:
        if self._changed and not self._dependents and op.column_name not in self._of(op.table_name).columns:
            with self._asking(), scratch(self.steps):
                column_retirement.check(self.steps, op.table_name, op.column_name)
        self._of(op.table_name).unknown(op.column_name)

    @_see.register
    def _(self, op: RestoreColumnOp) -> bool:
        coming = self._of(op.table_name)
        thing = column_retirement.retired(self.steps, op.table_name, op.column_name, back=True)
        if thing is not None and self._changed and not self._any_touched() and not thing.coming_back:
            with self._asking():
                column_restoration.refuse(self.steps, thing)
        return coming.comes_back(self.steps, op.column_name)

    @_see.register
    def _(self, op: ops.AddColumnOp) -> None:
        self._of(op.table_name).unknown(op.column.name)

    @_see.register
    def _(self, op: ops.DropColumnOp) -> None:
        coming = self._of(op.table_name)
        coming.unknown(op.column_name)
        coming.rules_go = True  # those of the column go with it

    @_see.register
    def _(self, op: ops.AlterColumnOp) -> None:
        if op.modify_name is not None:
            self._of(op.table_name).rows_change = True
        elif op.modify_type is not None:
            self._of(op.table_name).unknown(op.column_name)

    # Tables and rows.

    @_see.register
    def _(self, op: RestoreTableOp) -> bool:
        thing = table_retirement.retired(self.steps, op.table_name, back=True)
        if thing is not None and self._changed and not self._any_touched() and not thing.coming_back:
            with self._asking():
                table_retirement.refuse(self.steps, thing)
        self._of(op.table_name).rows_change = True
        return thing is not None or table_retirement.is_there(self.steps, op.table_name)

    @_see.register
    def _(self, op: RetireTableOp) -> None:
        rules_go = any(each.rules_go for each in self._tables.values())
        if self._changed and not self._dependents and not rules_go and not self._of(op.table_name).rows_change:
            with self._asking(), scratch(self.steps):
                table_retirement.check(self.steps, op.table_name, self._retired)
        self._of(op.table_name).rows_change = True
        self._retired.add(op.table_name)

    @_see.register
    def _(self, op: ops.CreateTableOp) -> sa.Table:
        self._of(op.table_name).rows_change = True
        return op.to_table()

    @_see.register
    def _(self, op: ops.DropTableOp) -> None:
        self._of(op.table_name).rows_change = True
        self._table_dropped = True
        for each in self._tables.values():
            each.rules_go = True  # keys that point to it go before or with it

    @_see.register
    def _(self, op: ops.RenameTableOp) -> None:
        self._of(op.table_name).rows_change = self._of(op.new_table_name).rows_change = True

    @_see.register
    def _(self, _: RetireRowsOp | RestoreRowsOp) -> None:
        raise StopChecking  # a revision may go by how many they were

    @_see.register
    def _(self, op: ops.CreateIndexOp) -> None:
        pass

    @_see.register
    def _(self, op: ops.ExecuteSQLOp) -> None:
        text = op.sqltext if isinstance(op.sqltext, str) else getattr(op.sqltext, "text", None)
        if text is None or not preserves_rows(text):
            raise StopChecking(text)
        self._dependents = self._dependents or changes_dependents(text)
        self._definitions = True

    def _any_touched(self) -> bool:
        """Whether rules go, or rows or values change, in any table: then a thing may come back that now could not."""
        return self._definitions or any(
            each.rules_go or each.rows_change or each.types or any(made is None for made in each.columns.values())
            for each in self._tables.values()
        )
