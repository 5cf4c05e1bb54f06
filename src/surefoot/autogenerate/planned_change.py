"""One thing that a revision does: the operation, when its turn is, which lock it takes, what it does to rows."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from alembic.operations.ops import MigrateOperation


class Phase(IntEnum):
    """The order of a revision: what depends on something comes after it, and goes before it.

    A rule goes only when the new ones stand: a row that breaks one of those stops the revision, and no rule is lost.
    """

    ASK = 0
    """What only the author knows: before anything is done."""
    DROP_DEPENDENT = 1
    """Views, triggers and policies, which hold on to tables and columns."""
    CLEAR_FOREIGN_KEY = 2
    CLEAR_CONSTRAINT = 3
    CLEAR_INDEX = 4
    """Rules that are in the way of what comes: they have its name, or stand on a column whose type changes."""
    CREATE_TYPE = 5
    """Enum types, domains, sequences."""
    CREATE_FUNCTION = 6
    CREATE_TABLE = 7
    ADD_COLUMN = 8
    CHANGE_TYPE = 9
    ALTER = 10
    """Defaults, identities, comments, names: changes of the catalogue alone."""
    BACKFILL = 11
    NOT_NULL = 12
    CREATE_INDEX = 13
    ADD_CONSTRAINT = 14
    ADD_FOREIGN_KEY = 15
    DROP_FOREIGN_KEY = 16
    DROP_CONSTRAINT = 17
    DROP_INDEX = 18
    DROP_NOT_NULL = 19
    RETIRE_COLUMN = 20
    RETIRE_TABLE = 21
    RETIRE_TYPE = 22
    CREATE_DEPENDENT = 23
    DROP_FUNCTION = 24
    COMMENT = 25


class Lock(StrEnum):
    """What others notice of an operation."""

    BRIEF = "ACCESS EXCLUSIVE for milliseconds"
    QUIET = "SHARE UPDATE EXCLUSIVE, which stops nobody"
    FOREIGN_KEY = "SHARE ROW EXCLUSIVE for milliseconds"
    ROWS = "the rows of a batch while it is written"
    NEW = "new, nobody uses it yet"


@dataclass(frozen=True)
class HeldLock:
    """A lock on a table, and what for."""

    table: str
    lock: Lock
    purpose: str = ""


@dataclass(frozen=True)
class Change:
    """An operation of the revision and what its docstring says of it.

    `data` is a sentence on what happens to rows; `online` whether it commits what was done before it.
    """

    phase: Phase
    operation: MigrateOperation
    held: tuple[HeldLock, ...] = ()
    data: str | None = None
