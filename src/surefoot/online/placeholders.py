"""`op.fill_in` and `op.unfinished`: the places of a revision that only its author can finish; both refuse to run."""

from typing import NoReturn

from alembic.operations import MigrateOperation, Operations

from surefoot.errors import UsageError
from surefoot.online.executor import Steps


@Operations.register_operation("fill_in")
class FillInOp(MigrateOperation):
    """A value that only the author knows."""

    def __init__(self, what: str) -> None:
        self.what = what

    @classmethod
    def fill_in(cls, operations: Operations, what: str) -> str:
        """Stands where an SQL expression has to be written. Raises UsageError: the revision is not finished."""
        return str(operations.invoke(cls(what)))


@Operations.register_operation("unfinished")
class UnfinishedOp(MigrateOperation):
    """A change that no operation can be written for."""

    def __init__(self, what: str) -> None:
        self.what = what

    @classmethod
    def unfinished(cls, operations: Operations, what: str) -> None:
        """Stands where the author has to write what does it. Raises UsageError: the revision is not finished."""
        operations.invoke(cls(what))


@Operations.implementation_for(FillInOp)
def fill_in(operations: Operations, op: FillInOp) -> NoReturn:
    """Refuse, at the top of the revision: nothing was done yet."""
    raise UsageError(
        f"Revision {Steps(operations).revision} is not finished: {op.what} has to be filled in.",
        f"In its file write an SQL expression as text in the place of op.fill_in({op.what!r}), such as \"''\".",
    )


@Operations.implementation_for(UnfinishedOp)
def unfinished(operations: Operations, op: UnfinishedOp) -> NoReturn:
    """Refuse, at the top of the revision: nothing was done yet."""
    raise UsageError(
        f"Revision {Steps(operations).revision} is not finished: {op.what}.",
        "In its file write what does it, and delete the op.unfinished(...) that says so.",
    )
