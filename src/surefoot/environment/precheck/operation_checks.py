"""Checks each operation of a revision before any of them runs: refuses what it would refuse, notes what it changes."""

from dataclasses import replace
from functools import singledispatchmethod
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops
from alembic.operations.ops import MigrateOperation

from surefoot.autogenerate.parsed_definitions import mentions
from surefoot.environment.precheck import publication_checks
from surefoot.environment.precheck.future_rows import FutureTable, RowsUnknown
from surefoot.environment.precheck.future_schema import FutureSchema, StopChecking
from surefoot.environment.precheck.row_preserving_sql import changes_dependents, preserves_rows
from surefoot.errors import RefusedError
from surefoot.online import target_table
from surefoot.online.backfill.operation import BackfillOp
from surefoot.online.change_types import column_dependents, dependents_rebuild, unconvertible_rows
from surefoot.online.change_types.conversion import Conversion
from surefoot.online.change_types.operation import ChangeTypesOnlineOp
from surefoot.online.constraints import check_constraints, constraint_specs, foreign_keys, not_null_methods
from surefoot.online.constraints.check_constraints import AddCheckOnlineOp, DropConstraintOnlineOp
from surefoot.online.constraints.foreign_keys import AddForeignKeyOnlineOp
from surefoot.online.constraints.not_null import DropNotNullOnlineOp, SetNotNullOnlineOp
from surefoot.online.constraints.unique_constraints import AddUniqueOnlineOp
from surefoot.online.enums import enum_labels
from surefoot.online.enums.enum_operations import ChangeEnumOp, CreateEnumOp, RetireEnumOp
from surefoot.online.indexes import index_builder
from surefoot.online.indexes.index_operations import CreateIndexOnlineOp, DropIndexOnlineOp
from surefoot.online.rename import column_rename, table_rename
from surefoot.online.rename.column_rename_operations import (
    EndColumnRenameOp,
    RenameColumnOnlineOp,
    ResumeColumnRenameOp,
    UndoColumnRenameOp,
)
from surefoot.online.rename.table_rename import Block, TableNames
from surefoot.online.rename.table_rename_operations import (
    EndTableRenameOp,
    RenameTableOnlineOp,
    ResumeTableRenameOp,
    UndoTableRenameOp,
)
from surefoot.online.retire import column_restoration, column_retirement, row_retirement, table_retirement
from surefoot.online.retire.references import find_references
from surefoot.online.retire.retire_operations import (
    RestoreColumnOp,
    RestoreRowsOp,
    RestoreTableOp,
    RetireColumnOp,
    RetireRowsOp,
    RetireTableOp,
)

DEFINING = (
    RetireEnumOp | ops.CreateCheckConstraintOp | ops.CreateForeignKeyOp | ops.CreatePrimaryKeyOp
    | ops.CreateUniqueConstraintOp | ops.CreateTableCommentOp | ops.DropTableCommentOp
)  # fmt: skip
"""Operations that change definitions alone, and that nothing here can refuse."""


class OperationChecks:
    """Checks the operations of one run of a revision, in their order, in place of running them.

    Raises RefusedError where an operation would be refused, and StopChecking where later ones cannot be checked.
    """

    def __init__(self, schema: FutureSchema) -> None:
        self._schema = schema

    def invoke(self, op: MigrateOperation) -> Any:
        """Check the operation and note its changes; return what it will return, where a revision may depend on that."""
        publication_checks.check(op, self._schema)
        returned = self._check(op)
        self._schema.is_first = False
        return returned

    @singledispatchmethod
    def _check(self, op: MigrateOperation) -> Any:
        raise StopChecking(type(op).__name__)

    # Constraints and indexes.

    @_check.register
    def _(self, op: AddCheckOnlineOp) -> None:
        schema = self._schema
        if not schema.is_first and not schema.dependents_change:  # it may call a function that changes
            with schema.deferring():
                table = schema.table(op.table_name).with_future_rows(schema.steps)
                existing = constraint_specs.find(schema.steps, table, op.constraint_name)
                spec = check_constraints.constraint_spec(schema.steps, op, table)
                if existing is None or not existing.valid or existing.definition != spec.definition:
                    spec.refuse_rows(table)

    @_check.register
    def _(self, op: AddForeignKeyOnlineOp) -> None:
        schema = self._schema
        if not schema.is_first:
            with schema.deferring():
                table = schema.table(op.source_table).with_future_rows(schema.steps)
                referent = schema.table(op.referent_table).with_future_rows(schema.steps)
                spec = foreign_keys.constraint_spec(schema.steps, op, table, referent)
                if referent.stands_as is not None:
                    spec = replace(spec, error_label=f"{op.constraint_name}, a foreign key to {op.referent_table}")
                spec.refuse_rows(table)

    @_check.register
    def _(self, op: AddUniqueOnlineOp) -> None:
        self._refuse_duplicates(op.index(op.constraint_name))

    @_check.register
    def _(self, op: CreateIndexOnlineOp) -> None:
        if op.unique:
            self._refuse_duplicates(op)
        else:
            self._schema.refuse_shared_rows(op.table_name)

    def _refuse_duplicates(self, op: CreateIndexOnlineOp) -> None:
        schema = self._schema
        if not schema.is_first and not schema.dependents_change:
            with schema.deferring():
                table = schema.table(op.table_name).with_future_rows(schema.steps)
                index = index_builder.canonical_index(schema.steps, table, op)
                index_builder.refuse_duplicates(schema.steps, table, str(op.index_name), index)

    @_check.register
    def _(self, op: SetNotNullOnlineOp) -> None:
        schema = self._schema
        if not schema.is_first:
            with schema.deferring():
                table = schema.table(op.table_name).with_future_rows(schema.steps)
                not_null_methods.refuse_nulls(schema.steps, table, op.column_name)

    @_check.register
    def _(self, op: DropConstraintOnlineOp | DropIndexOnlineOp) -> None:
        self._schema.refuse_shared_rows(op.table_name)
        self._schema.drop_constraints(op.table_name)

    @_check.register
    def _(self, op: ops.DropConstraintOp | ops.DropIndexOp) -> None:
        self._schema.drop_constraints(op.table_name)

    @_check.register
    def _(self, op: DropNotNullOnlineOp) -> None:
        self._schema.refuse_shared_rows(op.table_name)
        self._schema.definitions_change = True

    @_check.register
    def _(self, _: DEFINING) -> None:
        self._schema.definitions_change = True

    @_check.register
    def _(self, op: CreateEnumOp) -> None:
        self._schema.definitions_change = True
        self._schema.new_enums[op.name] = op.labels

    @_check.register
    def _(self, op: ops.CreateIndexOp) -> None:
        pass

    # Columns and their values.

    @_check.register
    def _(self, op: ChangeTypesOnlineOp) -> None:
        schema = self._schema
        table = schema.table(op.table_name)
        if not schema.is_first:
            with schema.deferring(), schema.new_enums_at_hand():
                conversion = self._conversion(table, op)
                unconvertible_rows.refuse_rows(schema.steps, conversion)
                if not schema.dependents_change and not table.constraints_dropped:
                    dependents = column_dependents.read(schema.steps, conversion)
                    dependents_rebuild.check_on_copies(schema.steps, conversion, dependents)
        table.types.append(op.requested)

    def _conversion(self, table: FutureTable, op: ChangeTypesOnlineOp) -> Conversion:
        try:
            return table.conversion(self._schema.steps, op.requested)
        except RefusedError:
            if self._schema.dependents_change or table.constraints_dropped:  # the obstacle may be dropped by then
                raise RowsUnknown from None
            raise

    @_check.register
    def _(self, op: ChangeEnumOp) -> None:
        schema = self._schema
        labels = enum_labels.Labels(tuple(op.labels), ())
        for name, columns in enum_labels.columns_of(schema.steps, op.name).items():
            table = schema.table(name)
            for column, is_array in columns.items():
                if not schema.is_first and column not in table.columns and not table.rows_change:
                    with schema.deferring():
                        enum_labels.refuse_removed_labels(
                            schema.steps, op.name, labels, name, column, is_array=is_array
                        )
            table.set_unknown(*columns)
        schema.definitions_change = True

    @_check.register
    def _(self, op: BackfillOp) -> None:
        self._schema.refuse_shared_rows(op.table_name)
        self._schema.table(op.table_name).set_unknown(*op.values)

    @_check.register
    def _(self, op: RetireColumnOp) -> None:
        schema = self._schema
        table = schema.table(op.table_name)
        if not schema.is_first and not schema.dependents_change and op.column_name not in table.columns:
            with schema.deferring(), schema.steps.rolled_back():
                column_retirement.check(schema.steps, op.table_name, op.column_name)
        table.set_unknown(op.column_name)

    @_check.register
    def _(self, op: RestoreColumnOp) -> bool:
        schema = self._schema
        table = schema.table(op.table_name)
        item = column_retirement.find_retired(schema.steps, op.table_name, op.column_name, by_opposite=True)
        if item is not None and not schema.is_first and not schema.may_enable_restore and not item.coming_back:
            with schema.deferring():
                column_restoration.check_restore(schema.steps, item)
        return table.restore_column(schema.steps, op.column_name)

    @_check.register
    def _(self, op: ops.AddColumnOp) -> None:
        self._schema.table(op.table_name).set_unknown(op.column.name)

    @_check.register
    def _(self, op: ops.DropColumnOp) -> None:
        self._schema.table(op.table_name).set_unknown(op.column_name)
        self._schema.drop_constraints(op.table_name)  # those of the column

    @_check.register
    def _(self, op: ops.AlterColumnOp) -> None:
        if op.modify_name is not None:
            self._schema.table(op.table_name).rows_change = True
        elif op.modify_type is not None:
            self._schema.table(op.table_name).set_unknown(op.column_name)

    # Tables and rows.

    @_check.register
    def _(self, op: RestoreTableOp) -> bool:
        schema = self._schema
        item = table_retirement.find_retired(schema.steps, op.table_name, by_opposite=True)
        if item is not None and not schema.is_first and not schema.may_enable_restore and not item.coming_back:
            with schema.deferring():
                table_retirement.check_restore(schema.steps, item)
        table = schema.table(op.table_name)
        if item is None or item.coming_back or table.changes:
            table.rows_change = True
        else:
            table.stands_as = item.stands_as
        return item is not None or table_retirement.exists(schema.steps, op.table_name)

    @_check.register
    def _(self, op: RetireTableOp) -> None:
        schema = self._schema
        table = schema.table(op.table_name)
        unchanged = not schema.dependents_change and not schema.constraints_dropped and not table.rows_change
        if not schema.is_first and unchanged:
            with schema.deferring(), schema.steps.rolled_back():
                table_retirement.check(schema.steps, op.table_name, schema.retired_tables)
        table.rows_change = True
        schema.retired_tables.add(op.table_name)

    @_check.register
    def _(self, op: ops.CreateTableOp) -> sa.Table:
        self._schema.table(op.table_name).rows_change = True
        return op.to_table()

    @_check.register
    def _(self, op: ops.DropTableOp) -> None:
        self._schema.drop_table(op.table_name)

    @_check.register
    def _(self, op: ops.RenameTableOp) -> None:
        for name in (op.table_name, op.new_table_name):
            self._schema.table(name).rows_change = True

    @_check.register
    def _(self, op: RenameTableOnlineOp) -> None:
        self._check_rename(table_rename.RENAME, op.old_name, op.new_name)

    @_check.register
    def _(self, op: UndoTableRenameOp) -> None:
        self._check_rename(table_rename.UNDO, op.old_name, op.new_name)

    @_check.register
    def _(self, op: EndTableRenameOp) -> None:
        self._check_rename(table_rename.END, op.old_name, op.new_name, op.since)

    @_check.register
    def _(self, op: ResumeTableRenameOp) -> None:
        self._check_rename(table_rename.RESUME, op.old_name, op.new_name, op.since)

    def _check_rename(self, block: Block, old: str, new: str, since: str | None = None) -> None:
        """Check one of the operations on the names of a table; what is asked later is not asked of either name."""
        schema = self._schema
        names = TableNames(old, new, since or schema.steps.revision)
        if since is not None:
            table_rename.refuse_same_revision(schema.steps, names)
        tables = [schema.table(name) for name in (old, new)]
        if not schema.is_first and not schema.definitions_change and not any(each.rows_change for each in tables):
            with schema.deferring():
                table_rename.check(schema.steps, block, names)
        for each in tables:
            each.rows_change = True
        schema.dependents_change = schema.definitions_change = True

    @_check.register
    def _(self, op: RenameColumnOnlineOp | UndoColumnRenameOp | EndColumnRenameOp | ResumeColumnRenameOp) -> None:
        """Check one of the operations on the names of a column; what is asked later is not asked of the table."""
        schema = self._schema
        names = op.names(getattr(op, "since", schema.steps.revision))
        if isinstance(op, EndColumnRenameOp | ResumeColumnRenameOp):
            column_rename.refuse_same_revision(schema.steps, names)
        table = schema.table(op.table_name)
        if not schema.is_first and not schema.definitions_change and not table.rows_change:
            with schema.deferring():
                column_rename.check(schema.steps, op.block, names)
        table.rows_change = schema.dependents_change = schema.definitions_change = True

    @_check.register
    def _(self, op: RetireRowsOp) -> None:
        schema = self._schema
        if not schema.is_first and not schema.dependents_change and not schema.constraints_dropped:
            with schema.deferring():
                self._refuse_referenced_rows(op)
        raise StopChecking  # a revision may depend on the number of rows, which it returns

    def _refuse_referenced_rows(self, op: RetireRowsOp) -> None:
        """Refuse rows that others point to, by the foreign keys between columns that do not change before."""
        steps, future = self._schema.steps, self._schema.table(op.table_name)
        changing = {*future.columns, *(name for each in future.types for name in each)}
        if future.rows_change or any(mentions(op.where, name) for name in changing):
            raise RowsUnknown
        table = target_table.find(steps, op.table_name, partition=False, writes=True)
        others = self._schema.changed_tables - {op.table_name}
        references = [
            each for each in find_references(steps, table)
            if each.plain_name not in others and not changing.intersection(each.referred)
        ]  # fmt: skip
        row_retirement.check(steps, table, op.where, op.reason, references)

    @_check.register
    def _(self, _: RestoreRowsOp) -> None:
        raise StopChecking  # the same

    @_check.register
    def _(self, op: ops.ExecuteSQLOp) -> None:
        text = op.sqltext if isinstance(op.sqltext, str) else getattr(op.sqltext, "text", None)
        if text is None or not preserves_rows(text):
            raise StopChecking(text)
        self._schema.dependents_change |= changes_dependents(text)
        self._schema.definitions_change = True
