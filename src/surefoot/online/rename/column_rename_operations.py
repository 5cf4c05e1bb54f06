"""`op.rename_column_online` and its counterparts: a column's new name, and its old one until a later revision."""

from typing import ClassVar

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations

from surefoot.online.executor import Steps
from surefoot.online.rename import column_rename
from surefoot.online.rename.column_names import ColumnNames
from surefoot.online.rename.table_rename import Block
from surefoot.online.rendering import call


class _OfTwoNames(MigrateOperation):
    """What the operations have in common."""

    block: ClassVar[Block]
    """What is asked beforehand, and done."""

    def __init__(self, table_name: str, old_name: str, new_name: str) -> None:
        self.table_name = table_name
        self.old_name = old_name
        self.new_name = new_name

    def names(self, since: str) -> ColumnNames:
        """Return the names, of a column that revision `since` renames."""
        return ColumnNames(self.table_name, self.old_name, self.new_name, since)


class _OfThoseSince(_OfTwoNames):
    """What those of a later revision have in common; `since` is the revision that has renamed the column."""

    def __init__(self, table_name: str, old_name: str, new_name: str, *, since: str) -> None:
        super().__init__(table_name, old_name, new_name)
        self.since = since


@Operations.register_operation("rename_column_online")
class RenameColumnOnlineOp(_OfTwoNames):
    """Another name for a column, the old one kept alive."""

    block = column_rename.RENAME

    @classmethod
    def rename_column_online(cls, operations: Operations, table_name: str, old_name: str, new_name: str) -> None:
        """Rename the column, and keep a second one of its old name, by which it is read and written as before.

        The second column is made beside the users' work: filled in batches and kept equal by triggers, with an index
        for each of the column's; both take their names in one short transaction. On INSERT the value holds that was
        given, on UPDATE the one that is another; where both are, that of the new name. Raises UsageError for a missing
        table or column, and RefusedError, with the column as it was, for a name that is taken, and a column that a
        second one could not follow: of a primary key, generated, numbered, or that a trigger names.
        """
        operations.invoke(cls(table_name, old_name, new_name))

    def reverse(self) -> "UndoColumnRenameOp":
        """Return the operation that gives the column its old name back."""
        return UndoColumnRenameOp(self.table_name, self.old_name, self.new_name)


@Operations.register_operation("undo_column_rename")
class UndoColumnRenameOp(_OfTwoNames):
    """The way back of `op.rename_column_online`, in the same revision."""

    block = column_rename.UNDO

    @classmethod
    def undo_column_rename(cls, operations: Operations, table_name: str, old_name: str, new_name: str) -> None:
        """Drop the second column, which has the old name, and give the column that name back.

        Raises RefusedError, with nothing changed, where something else has the old name, or needs that column.
        """
        operations.invoke(cls(table_name, old_name, new_name))

    def reverse(self) -> RenameColumnOnlineOp:
        """Return the operation that renames the column."""
        return RenameColumnOnlineOp(self.table_name, self.old_name, self.new_name)


@Operations.register_operation("end_column_rename")
class EndColumnRenameOp(_OfThoseSince):
    """The end of an old name."""

    block = column_rename.END

    @classmethod
    def end_column_rename(
        cls, operations: Operations, table_name: str, old_name: str, new_name: str, *, since: str
    ) -> None:
        """Drop the second column, by which revision `since` has left the old name of the column alive.

        It belongs in a later revision: when no application that runs uses the old name. Raises RefusedError, with
        nothing changed, where something else has that name, or needs that column.
        """
        operations.invoke(cls(table_name, old_name, new_name, since=since))

    def reverse(self) -> "ResumeColumnRenameOp":
        """Return the operation that makes the second column again."""
        return ResumeColumnRenameOp(self.table_name, self.old_name, self.new_name, since=self.since)


@Operations.register_operation("resume_column_rename")
class ResumeColumnRenameOp(_OfThoseSince):
    """The way back of `op.end_column_rename`."""

    block = column_rename.RESUME

    @classmethod
    def resume_column_rename(
        cls, operations: Operations, table_name: str, old_name: str, new_name: str, *, since: str
    ) -> None:
        """Make the second column again, filled, that had the old name of the column since revision `since`.

        Raises RefusedError, with nothing changed, where something else has that name by now.
        """
        operations.invoke(cls(table_name, old_name, new_name, since=since))

    def reverse(self) -> EndColumnRenameOp:
        """Return the operation that drops the second column."""
        return EndColumnRenameOp(self.table_name, self.old_name, self.new_name, since=self.since)


@Operations.implementation_for(RenameColumnOnlineOp)
def _rename(operations: Operations, op: RenameColumnOnlineOp) -> None:
    with Steps(operations) as steps:
        column_rename.rename(steps, op.names(steps.revision))


@Operations.implementation_for(UndoColumnRenameOp)
def _undo(operations: Operations, op: UndoColumnRenameOp) -> None:
    with Steps(operations) as steps:
        column_rename.undo(steps, op.names(steps.revision))


@Operations.implementation_for(EndColumnRenameOp)
def _end(operations: Operations, op: EndColumnRenameOp) -> None:
    with Steps(operations) as steps:
        column_rename.end(steps, op.names(op.since))


@Operations.implementation_for(ResumeColumnRenameOp)
def _resume(operations: Operations, op: ResumeColumnRenameOp) -> None:
    with Steps(operations) as steps:
        column_rename.resume(steps, op.names(op.since))


@renderers.dispatch_for(RenameColumnOnlineOp)
def _render_rename(context: AutogenContext, op: RenameColumnOnlineOp) -> str:
    return call(context, "rename_column_online", op.table_name, op.old_name, op.new_name)


@renderers.dispatch_for(UndoColumnRenameOp)
def _render_undo(context: AutogenContext, op: UndoColumnRenameOp) -> str:
    return call(context, "undo_column_rename", op.table_name, op.old_name, op.new_name)


@renderers.dispatch_for(EndColumnRenameOp)
def _render_end(context: AutogenContext, op: EndColumnRenameOp) -> str:
    return call(context, "end_column_rename", op.table_name, op.old_name, op.new_name, since=op.since)


@renderers.dispatch_for(ResumeColumnRenameOp)
def _render_resume(context: AutogenContext, op: ResumeColumnRenameOp) -> str:
    return call(context, "resume_column_rename", op.table_name, op.old_name, op.new_name, since=op.since)
