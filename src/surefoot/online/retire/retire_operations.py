"""`op.retire_column`, `op.retire_table`, `op.retire_rows`, which set aside instead of dropping, and `op.restore_…`."""

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations

from surefoot.online import published_tables
from surefoot.online.executor import Steps
from surefoot.online.rendering import call
from surefoot.online.retire import (
    column_restoration,
    column_retirement,
    kept_definitions,
    row_restoration,
    row_retirement,
    table_retirement,
)

RETIRED = "sets column %s aside under another name"


@Operations.register_operation("retire_column")
class RetireColumnOp(MigrateOperation):
    """The retirement of a column."""

    def __init__(self, table_name: str, column_name: str) -> None:
        self.table_name = table_name
        self.column_name = column_name

    @classmethod
    def retire_column(cls, operations: Operations, table_name: str, column_name: str) -> None:
        """Retire a column: rename it in place; its values can be read from `retired.<table>_<column>_<revision>`.

        Its NOT NULL and default are dropped, so that inserts go on; indexes, constraints, foreign keys and triggers
        that depend on it are dropped and recorded for the downgrade. Raises UsageError for a missing table or column,
        and RefusedError, with the reason, for one that cannot be retired; nothing is changed then.
        """
        operations.invoke(cls(table_name, column_name))

    def reverse(self) -> "RestoreColumnOp":
        """Return the operation that restores the column."""
        return RestoreColumnOp(self.table_name, self.column_name)


@Operations.register_operation("restore_column")
class RestoreColumnOp(MigrateOperation):
    """The restoration of a column."""

    def __init__(self, table_name: str, column_name: str) -> None:
        self.table_name = table_name
        self.column_name = column_name

    @classmethod
    def restore_column(cls, operations: Operations, table_name: str, column_name: str) -> bool:
        """Restore the column that the other direction of the revision retired; return whether the revision has it then.

        Its indexes, constraints, triggers, default and NOT NULL are restored; rows that were inserted since get the
        default. Raises RefusedError, with nothing changed, where the name is taken or rows violate a constraint.
        """
        return bool(operations.invoke(cls(table_name, column_name)))

    def reverse(self) -> RetireColumnOp:
        """Return the operation that retires the column."""
        return RetireColumnOp(self.table_name, self.column_name)


@Operations.register_operation("retire_table")
class RetireTableOp(MigrateOperation):
    """The retirement of a table."""

    def __init__(self, table_name: str) -> None:
        self.table_name = table_name

    @classmethod
    def retire_table(cls, operations: Operations, table_name: str) -> None:
        """Retire a table: move it to `retired.<table>_<revision>`, with its rows, indexes and sequences.

        Foreign keys from and to it and its triggers are dropped and recorded for the downgrade. Raises UsageError for a
        missing table, and RefusedError, with the reason, for one that cannot be retired; nothing is changed then.
        """
        operations.invoke(cls(table_name))

    def reverse(self) -> "RestoreTableOp":
        """Return the operation that restores the table."""
        return RestoreTableOp(self.table_name)


@Operations.register_operation("restore_table")
class RestoreTableOp(MigrateOperation):
    """The restoration of a table."""

    def __init__(self, table_name: str) -> None:
        self.table_name = table_name

    @classmethod
    def restore_table(cls, operations: Operations, table_name: str) -> bool:
        """Restore the table that the other direction of this revision retired; return whether the revision has it then.

        Raises RefusedError, with nothing changed, where a name is taken or rows have been orphaned since.
        """
        return bool(operations.invoke(cls(table_name)))

    def reverse(self) -> RetireTableOp:
        """Return the operation that retires the table."""
        return RetireTableOp(self.table_name)


@Operations.register_operation("retire_rows")
class RetireRowsOp(MigrateOperation):
    """The retirement of rows."""

    def __init__(self, table_name: str, where: str, *, reason: str | None = None) -> None:
        self.table_name = table_name
        self.where = where
        self.reason = reason

    @classmethod
    def retire_rows(cls, operations: Operations, table_name: str, where: str, *, reason: str | None = None) -> int:
        """Move the rows for which `where` is true to `retired.<table>_rows_<revision>`, in batches; return how many.

        `where` is SQL over the table's columns. It is evaluated for all rows first, and again for each row when it is
        moved: a row that was corrected meanwhile stays. `reason` is recorded with each row. Raises RefusedError, with
        nothing moved, where other rows reference them, whatever ON DELETE says: it would delete or change those.
        """
        return int(operations.invoke(cls(table_name, where, reason=reason)))

    def reverse(self) -> "RestoreRowsOp":
        """Return the operation that restores the rows."""
        return RestoreRowsOp(self.table_name)


@Operations.register_operation("restore_rows")
class RestoreRowsOp(MigrateOperation):
    """The restoration of rows."""

    def __init__(self, table_name: str) -> None:
        self.table_name = table_name

    @classmethod
    def restore_rows(cls, operations: Operations, table_name: str) -> int:
        """Move back the rows that the other direction of this revision retired, in batches; return how many.

        A row whose key is taken, whose parent is missing, or that violates another constraint stays retired; a warning
        counts them.
        """
        return int(operations.invoke(cls(table_name)))

    def reverse(self) -> MigrateOperation:
        """Raise ValueError, as Alembic's own operations do: the condition for the rows is not known."""
        raise ValueError(f"nothing tells which rows of {self.table_name} to retire again")


@Operations.implementation_for(RetireColumnOp)
def _retire_column(operations: Operations, op: RetireColumnOp) -> None:
    with Steps(operations) as steps:
        published_tables.refuse_changed_column(steps.context, op.table_name, [op.column_name], RETIRED)
        column_retirement.retire(steps, op.table_name, op.column_name)


@Operations.implementation_for(RestoreColumnOp)
def _restore_column(operations: Operations, op: RestoreColumnOp) -> bool:
    with Steps(operations) as steps:
        if column_retirement.find_retired(steps, op.table_name, op.column_name, by_opposite=True) is not None:
            published_tables.refuse_new_column(steps.context, op.table_name, op.column_name)
        return column_restoration.restore(steps, op.table_name, op.column_name)


@Operations.implementation_for(RetireTableOp)
def _retire_table(operations: Operations, op: RetireTableOp) -> None:
    with Steps(operations) as steps:
        table_retirement.retire(steps, op.table_name)
        published_tables.tell_retired_table(steps.context, op.table_name)


@Operations.implementation_for(RestoreTableOp)
def _restore_table(operations: Operations, op: RestoreTableOp) -> bool:
    with Steps(operations) as steps:
        if _offline(steps, f"restore_table: table {op.table_name}"):
            kept_definitions.delete_definition(steps, "table", op.table_name)
            return False
        return table_retirement.restore(steps, op.table_name)


@Operations.implementation_for(RetireRowsOp)
def _retire_rows(operations: Operations, op: RetireRowsOp) -> int:
    with Steps(operations) as steps:
        published_tables.refuse_unchangeable(steps.context, op.table_name)
        published_tables.tell_retired_rows(steps.context, op.table_name)
        return row_retirement.retire(steps, op.table_name, op.where, op.reason)


@Operations.implementation_for(RestoreRowsOp)
def _restore_rows(operations: Operations, op: RestoreRowsOp) -> int:
    with Steps(operations) as steps:
        if _offline(steps, f"restore_rows: rows of {op.table_name}"):
            return 0
        return row_restoration.restore(steps, op.table_name)


def _offline(steps: Steps, what: str) -> bool:
    """Offline, print a remark that printed SQL, which cannot read the registry, does not restore `what`."""
    if steps.offline:
        line = " ".join(f"{what} is taken back by Alembic alone, not by printed SQL".split())
        steps.context.impl.static_output(f"-- {line}")
    return steps.offline


@renderers.dispatch_for(RetireColumnOp)
def _render_retire_column(context: AutogenContext, op: RetireColumnOp) -> str:
    return call(context, "retire_column", op.table_name, op.column_name)


@renderers.dispatch_for(RestoreColumnOp)
def _render_restore_column(context: AutogenContext, op: RestoreColumnOp) -> str:
    return call(context, "restore_column", op.table_name, op.column_name)


@renderers.dispatch_for(RetireTableOp)
def _render_retire_table(context: AutogenContext, op: RetireTableOp) -> str:
    return call(context, "retire_table", op.table_name)


@renderers.dispatch_for(RestoreTableOp)
def _render_restore_table(context: AutogenContext, op: RestoreTableOp) -> str:
    return call(context, "restore_table", op.table_name)


@renderers.dispatch_for(RetireRowsOp)
def _render_retire_rows(context: AutogenContext, op: RetireRowsOp) -> str:
    return call(context, "retire_rows", op.table_name, op.where, reason=op.reason)


@renderers.dispatch_for(RestoreRowsOp)
def _render_restore_rows(context: AutogenContext, op: RestoreRowsOp) -> str:
    return call(context, "restore_rows", op.table_name)
