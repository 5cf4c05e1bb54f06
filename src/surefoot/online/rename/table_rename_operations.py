"""`op.rename_table_online` and its counterparts: a table is renamed, and its old name lives until a later revision."""

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations

from surefoot.online.executor import Steps
from surefoot.online.rename import table_rename
from surefoot.online.rename.table_rename import TableNames
from surefoot.online.rendering import call


class _OfTwoNames(MigrateOperation):
    """What the operations have in common."""

    def __init__(self, old_name: str, new_name: str) -> None:
        self.old_name = old_name
        self.new_name = new_name


class _OfThoseSince(_OfTwoNames):
    """What those of a later revision have in common; `since` is the revision that has renamed the table."""

    def __init__(self, old_name: str, new_name: str, *, since: str) -> None:
        super().__init__(old_name, new_name)
        self.since = since


@Operations.register_operation("rename_table_online")
class RenameTableOnlineOp(_OfTwoNames):
    """Another name for a table, the old one kept alive."""

    @classmethod
    def rename_table_online(cls, operations: Operations, old_name: str, new_name: str) -> None:
        """Rename the table, and make a view of its old name, by which it is read and written as before.

        Both happen in one short transaction. Whoever may do something with the table may do it with the view; row
        security holds there, too. Raises UsageError for a missing table, and RefusedError, with nothing changed, for
        one that is partitioned, inherits, or whose row type is in use, and where the new name is taken.
        """
        operations.invoke(cls(old_name, new_name))

    def reverse(self) -> "UndoTableRenameOp":
        """Return the operation that gives the table its old name back."""
        return UndoTableRenameOp(self.old_name, self.new_name)


@Operations.register_operation("undo_table_rename")
class UndoTableRenameOp(_OfTwoNames):
    """The way back of `op.rename_table_online`, in the same revision."""

    @classmethod
    def undo_table_rename(cls, operations: Operations, old_name: str, new_name: str) -> None:
        """Drop the view that has the old name, and give the table that name back.

        Raises RefusedError, with nothing changed, where something else has the old name, or needs the view.
        """
        operations.invoke(cls(old_name, new_name))

    def reverse(self) -> RenameTableOnlineOp:
        """Return the operation that renames the table."""
        return RenameTableOnlineOp(self.old_name, self.new_name)


@Operations.register_operation("end_table_rename")
class EndTableRenameOp(_OfThoseSince):
    """The end of an old name."""

    @classmethod
    def end_table_rename(cls, operations: Operations, old_name: str, new_name: str, *, since: str) -> None:
        """Drop the view that has the old name of the table, which revision `since` has left alive.

        It belongs in a later revision: when no application that runs uses the old name. Raises RefusedError, with
        nothing changed, where something else has that name, or needs the view.
        """
        operations.invoke(cls(old_name, new_name, since=since))

    def reverse(self) -> "ResumeTableRenameOp":
        """Return the operation that makes the view again."""
        return ResumeTableRenameOp(self.old_name, self.new_name, since=self.since)


@Operations.register_operation("resume_table_rename")
class ResumeTableRenameOp(_OfThoseSince):
    """The way back of `op.end_table_rename`."""

    @classmethod
    def resume_table_rename(cls, operations: Operations, old_name: str, new_name: str, *, since: str) -> None:
        """Make the view again that had the old name of the table since revision `since`.

        Raises RefusedError, with nothing changed, where something else has that name by now.
        """
        operations.invoke(cls(old_name, new_name, since=since))

    def reverse(self) -> EndTableRenameOp:
        """Return the operation that drops the view."""
        return EndTableRenameOp(self.old_name, self.new_name, since=self.since)


@Operations.implementation_for(RenameTableOnlineOp)
def _rename(operations: Operations, op: RenameTableOnlineOp) -> None:
    with Steps(operations) as steps:
        table_rename.rename(steps, TableNames(op.old_name, op.new_name, steps.revision))


@Operations.implementation_for(UndoTableRenameOp)
def _undo(operations: Operations, op: UndoTableRenameOp) -> None:
    with Steps(operations) as steps:
        table_rename.undo(steps, TableNames(op.old_name, op.new_name, steps.revision))


@Operations.implementation_for(EndTableRenameOp)
def _end(operations: Operations, op: EndTableRenameOp) -> None:
    with Steps(operations) as steps:
        table_rename.end(steps, TableNames(op.old_name, op.new_name, op.since))


@Operations.implementation_for(ResumeTableRenameOp)
def _resume(operations: Operations, op: ResumeTableRenameOp) -> None:
    with Steps(operations) as steps:
        table_rename.resume(steps, TableNames(op.old_name, op.new_name, op.since))


@renderers.dispatch_for(RenameTableOnlineOp)
def _render_rename(context: AutogenContext, op: RenameTableOnlineOp) -> str:
    return call(context, "rename_table_online", op.old_name, op.new_name)


@renderers.dispatch_for(UndoTableRenameOp)
def _render_undo(context: AutogenContext, op: UndoTableRenameOp) -> str:
    return call(context, "undo_table_rename", op.old_name, op.new_name)


@renderers.dispatch_for(EndTableRenameOp)
def _render_end(context: AutogenContext, op: EndTableRenameOp) -> str:
    return call(context, "end_table_rename", op.old_name, op.new_name, since=op.since)


@renderers.dispatch_for(ResumeTableRenameOp)
def _render_resume(context: AutogenContext, op: ResumeTableRenameOp) -> str:
    return call(context, "resume_table_rename", op.old_name, op.new_name, since=op.since)
