"""`op.fill_in` and `op.unfinished`: marks that autogenerate leaves in a revision for its author; both refuse to run."""

from typing import NoReturn

from alembic.operations import MigrateOperation, Operations

from surefoot.errors import UsageError
from surefoot.online.executor import Steps


@Operations.register_operation("fill_in")
class FillInOp(MigrateOperation):
    """The place of an SQL expression that the author has to write."""

    def __init__(self, what: str) -> None:
        self.what = what

    @classmethod
    def fill_in(cls, operations: Operations, what: str) -> str:
        """Mark the place of an SQL expression that has to be written. Running it raises UsageError."""
        return str(operations.invoke(cls(what)))


@Operations.register_operation("unfinished")
class UnfinishedOp(MigrateOperation):
    """The place of a change for which autogenerate knows no operation."""

    def __init__(self, what: str) -> None:
        self.what = what

    @classmethod
    def unfinished(cls, operations: Operations, what: str) -> None:
        """Mark the place of statements that the author has to write. Running it raises UsageError."""
        operations.invoke(cls(what))


@Operations.implementation_for(FillInOp)
def _fill_in(operations: Operations, op: FillInOp) -> NoReturn:
    raise UsageError(
        f"Revision {Steps(operations).revision} is not finished: {op.what} has to be filled in.",
        f"In its file write an SQL expression as text in the place of op.fill_in({op.what!r}), such as \"''\".",
    )


@Operations.implementation_for(UnfinishedOp)
def _unfinished(operations: Operations, op: UnfinishedOp) -> NoReturn:
    raise UsageError(
        f"Revision {Steps(operations).revision} is not finished: {op.what}.",
        "In its file write what does it, and delete the op.unfinished(...) that says so.",
    )
