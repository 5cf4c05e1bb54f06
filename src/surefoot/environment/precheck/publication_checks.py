"""Asks of each operation what it would do to a published table. It is asked of all of them, the plain ones as well."""

from functools import singledispatch

from alembic.operations import ops
from alembic.operations.ops import MigrateOperation

from surefoot.environment.precheck.future_schema import FutureSchema
from surefoot.environment.precheck.row_preserving_sql import plain_text
from surefoot.online import published_tables
from surefoot.online.backfill.operation import BackfillOp
from surefoot.online.change_types.operation import RETYPED, ChangeTypesOnlineOp
from surefoot.online.constraints.check_constraints import AddCheckOnlineOp, DropConstraintOnlineOp
from surefoot.online.constraints.not_null import DropNotNullOnlineOp
from surefoot.online.constraints.unique_constraints import AddUniqueOnlineOp
from surefoot.online.enums import enum_labels
from surefoot.online.enums.enum_operations import ChangeEnumOp
from surefoot.online.indexes.index_operations import CreateIndexOnlineOp, DropIndexOnlineOp
from surefoot.online.rename import column_rename
from surefoot.online.rename.column_rename_operations import (
    EndColumnRenameOp,
    RenameColumnOnlineOp,
    ResumeColumnRenameOp,
    UndoColumnRenameOp,
)
from surefoot.online.rename.table_rename_operations import RenameTableOnlineOp, UndoTableRenameOp
from surefoot.online.retire.retire_operations import RETIRED, RetireColumnOp, RetireRowsOp
from surefoot.runtime import publications


def check(op: MigrateOperation, schema: FutureSchema) -> None:
    """Raise RefusedError where a subscriber, or the publisher's own UPDATE, would not survive the operation.

    A table that is not published yet is no matter: what `publications.of_run` knows is from before the run.
    """
    if publications.of_run(schema.connection).tables:
        _check(op, schema)


@singledispatch
def _check(op: MigrateOperation, schema: FutureSchema) -> None:
    """Pass an operation of another kind."""


@_check.register
def _(op: RetireColumnOp, schema: FutureSchema) -> None:
    published_tables.refuse_changed_column(schema.context, op.table_name, [op.column_name], RETIRED)


@_check.register
def _(op: ChangeTypesOnlineOp, schema: FutureSchema) -> None:
    published_tables.refuse_changed_column(schema.context, op.table_name, op.columns, RETYPED)


@_check.register
def _(op: ChangeEnumOp, schema: FutureSchema) -> None:
    for table, columns in enum_labels.columns_of(schema.steps, op.name).items():
        published_tables.refuse_labels(schema.context, table, columns)


@_check.register
def _(op: DropIndexOnlineOp, schema: FutureSchema) -> None:
    published_tables.refuse_lost_rule(schema.context, op.table_name, op.index_name)


@_check.register
def _(op: DropConstraintOnlineOp, schema: FutureSchema) -> None:
    published_tables.refuse_lost_rule(schema.context, op.table_name, op.constraint_name)


@_check.register
def _(op: AddCheckOnlineOp | AddUniqueOnlineOp, schema: FutureSchema) -> None:
    if op.replace:
        published_tables.refuse_lost_rule(schema.context, op.table_name, op.constraint_name)


@_check.register
def _(op: CreateIndexOnlineOp, schema: FutureSchema) -> None:
    if op.replace:
        published_tables.refuse_lost_rule(schema.context, op.table_name, str(op.index_name))


@_check.register
def _(op: BackfillOp | RetireRowsOp, schema: FutureSchema) -> None:
    published_tables.refuse_unchangeable(schema.context, op.table_name)


@_check.register
def _(op: DropNotNullOnlineOp, schema: FutureSchema) -> None:
    published_tables.refuse_null(schema.context, op.table_name, op.column_name)


@_check.register
def _(op: RenameTableOnlineOp, schema: FutureSchema) -> None:
    published_tables.refuse_renamed_table(schema.context, op.old_name)


@_check.register
def _(op: UndoTableRenameOp, schema: FutureSchema) -> None:
    published_tables.refuse_renamed_table(schema.context, op.new_name)


@_check.register
def _(
    op: RenameColumnOnlineOp | UndoColumnRenameOp | EndColumnRenameOp | ResumeColumnRenameOp, schema: FutureSchema
) -> None:
    column_rename.refuse_published(schema.context, op.block, op.names(""))


# Plain operations. What their transaction has made is looked at once more before it is committed.


@_check.register
def _(op: ops.AddColumnOp, schema: FutureSchema) -> None:
    if op.column.computed is None:  # its values are not sent
        published_tables.refuse_new_column(schema.context, op.table_name, op.column.name, op.schema)


@_check.register
def _(op: ops.DropColumnOp, schema: FutureSchema) -> None:
    published_tables.refuse_changed_column(
        schema.context, op.table_name, [op.column_name], "drops column %s", op.schema
    )


@_check.register
def _(op: ops.AlterColumnOp, schema: FutureSchema) -> None:
    context, table, column = schema.context, op.table_name, op.column_name
    if op.modify_name is not None:
        published_tables.refuse_changed_column(context, table, [column], "renames column %s", op.schema)
    if op.modify_type is not None:
        published_tables.refuse_changed_column(context, table, [column], RETYPED, op.schema)
    if op.modify_nullable:
        published_tables.refuse_null(context, table, column, op.schema)


@_check.register
def _(op: ops.RenameTableOp, schema: FutureSchema) -> None:
    published_tables.refuse_renamed_table(schema.context, op.table_name, op.schema)


@_check.register
def _(op: ops.ExecuteSQLOp, schema: FutureSchema) -> None:
    text = op.sqltext if isinstance(op.sqltext, str) else getattr(op.sqltext, "text", "")
    published_tables.refuse_sql(schema.context, plain_text(text))
