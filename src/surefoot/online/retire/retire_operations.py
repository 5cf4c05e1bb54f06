"""`op.retire_column`, `op.retire_table`, `op.retire_rows` and `op.restore_…`: set aside, never dropped, and back."""

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations

from surefoot.online.executor import Steps
from surefoot.online.rendering import call
from surefoot.online.retire import (
    column_restoration,
    column_retirement,
    kept_definitions,
    row_restoration,
    table_retirement,
)
from surefoot.online.retire import row_retirement as retire_rows


@Operations.register_operation("retire_column")
class RetireColumnOp(MigrateOperation):
    """A column set aside in its table."""

    def __init__(self, table_name: str, column_name: str) -> None:
        self.table_name = table_name
        self.column_name = column_name

    @classmethod
    def retire_column(cls, operations: Operations, table_name: str, column_name: str) -> None:
        """Set a column aside: renamed in place, in an instant, readable as `retired.<table>_<column>_<revision>`.

        Its NOT NULL and default are lifted, so that inserts go on; indexes, constraints, foreign keys and triggers that
        hang on it are dropped and recorded for the way back. Raises UsageError for a missing table or column, and
        RefusedError, with the reason, for what cannot be set aside; nothing is changed then.
        """
        operations.invoke(cls(table_name, column_name))

    def reverse(self) -> "RestoreColumnOp":
        """Take it back."""
        return RestoreColumnOp(self.table_name, self.column_name)


@Operations.register_operation("restore_column")
class RestoreColumnOp(MigrateOperation):
    """A column taken back."""

    def __init__(self, table_name: str, column_name: str) -> None:
        self.table_name = table_name
        self.column_name = column_name

    @classmethod
    def restore_column(cls, operations: Operations, table_name: str, column_name: str) -> bool:
        """Take back what the other direction of this revision retired; True where the column is there afterwards.

        With it come its indexes, constraints, triggers, default and NOT NULL; rows that came meanwhile get the default.
        Raises RefusedError, with nothing changed, where that cannot be: the name is taken, or rows do not fit.
        """
        return bool(operations.invoke(cls(table_name, column_name)))

    def reverse(self) -> RetireColumnOp:
        """Set it aside."""
        return RetireColumnOp(self.table_name, self.column_name)


@Operations.register_operation("retire_table")
class RetireTableOp(MigrateOperation):
    """A table set aside."""

    def __init__(self, table_name: str) -> None:
        self.table_name = table_name

    @classmethod
    def retire_table(cls, operations: Operations, table_name: str) -> None:
        """Set a table aside, in an instant, as `retired.<table>_<revision>`, with its rows, indexes and sequences.

        Foreign keys from and to it and its triggers are dropped and recorded for the way back. Raises UsageError for a
        missing table, and RefusedError, with the reason, for what cannot be set aside; nothing is changed then.
        """
        operations.invoke(cls(table_name))

    def reverse(self) -> "RestoreTableOp":
        """Take it back."""
        return RestoreTableOp(self.table_name)


@Operations.register_operation("restore_table")
class RestoreTableOp(MigrateOperation):
    """A table taken back."""

    def __init__(self, table_name: str) -> None:
        self.table_name = table_name

    @classmethod
    def restore_table(cls, operations: Operations, table_name: str) -> bool:
        """Take back what the other direction of this revision retired; True where the table is there afterwards.

        Raises RefusedError, with nothing changed, where a name is taken or rows point to nothing since.
        """
        return bool(operations.invoke(cls(table_name)))

    def reverse(self) -> RetireTableOp:
        """Set it aside."""
        return RetireTableOp(self.table_name)


@Operations.register_operation("retire_rows")
class RetireRowsOp(MigrateOperation):
    """Rows set aside."""

    def __init__(self, table_name: str, where: str, *, reason: str | None = None) -> None:
        self.table_name = table_name
        self.where = where
        self.reason = reason

    @classmethod
    def retire_rows(cls, operations: Operations, table_name: str, where: str, *, reason: str | None = None) -> int:
        """Move the rows that `where` is true for to `retired.<table>_rows_<revision>`, in batches; returns how many.

        `where` is SQL about the table's columns. It is asked once for all rows, and once more for each as it goes, so a
        row that was put right meanwhile stays. Raises RefusedError, with nothing moved, where other rows point to them,
        whatever ON DELETE says: it would destroy or change those without a trace.
        """
        return int(operations.invoke(cls(table_name, where, reason=reason)))

    def reverse(self) -> "RestoreRowsOp":
        """Put them back."""
        return RestoreRowsOp(self.table_name)


@Operations.register_operation("restore_rows")
class RestoreRowsOp(MigrateOperation):
    """Rows put back."""

    def __init__(self, table_name: str) -> None:
        self.table_name = table_name

    @classmethod
    def restore_rows(cls, operations: Operations, table_name: str) -> int:
        """Put back the rows that the other direction of this revision retired, in batches; returns how many.

        A row whose key was taken since, whose parent is gone, or that breaks a newer rule stays retired, and a warning
        counts them.
        """
        return int(operations.invoke(cls(table_name)))

    def reverse(self) -> MigrateOperation:
        """Nobody knows which rows it would be. Raises ValueError, as Alembic's own operations do."""
        raise ValueError(f"nothing tells which rows of {self.table_name} to retire again")


@Operations.implementation_for(RetireColumnOp)
def _retire_column(operations: Operations, op: RetireColumnOp) -> None:
    with Steps(operations) as steps:
        column_retirement.retire(steps, op.table_name, op.column_name)


@Operations.implementation_for(RestoreColumnOp)
def _restore_column(operations: Operations, op: RestoreColumnOp) -> bool:
    with Steps(operations) as steps:
        return column_restoration.restore(steps, op.table_name, op.column_name)


@Operations.implementation_for(RetireTableOp)
def _retire_table(operations: Operations, op: RetireTableOp) -> None:
    with Steps(operations) as steps:
        table_retirement.retire(steps, op.table_name)


@Operations.implementation_for(RestoreTableOp)
def _restore_table(operations: Operations, op: RestoreTableOp) -> bool:
    with Steps(operations) as steps:
        if _offline(steps, f"restore_table: table {op.table_name}"):
            kept_definitions.forget(steps, "table", op.table_name)
            return False
        return table_retirement.restore(steps, op.table_name)


@Operations.implementation_for(RetireRowsOp)
def _retire_rows(operations: Operations, op: RetireRowsOp) -> int:
    with Steps(operations) as steps:
        return retire_rows.retire(steps, op.table_name, op.where, op.reason)


@Operations.implementation_for(RestoreRowsOp)
def _restore_rows(operations: Operations, op: RestoreRowsOp) -> int:
    with Steps(operations) as steps:
        if _offline(steps, f"restore_rows: rows of {op.table_name}"):
            return 0
        return row_restoration.restore(steps, op.table_name)


def _offline(steps: Steps, what: str) -> bool:
    """Say in printed SQL what it cannot do: it does not know what the database has set aside."""
    if steps.offline:
        line = " ".join(f"{what} is taken back by python -m alembic alone, not by printed SQL".split())
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
