"""One change of a revision: the operation, its phase, the locks it takes, what it does to rows."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from alembic.operations.ops import MigrateOperation


class Phase(IntEnum):
    """The order of changes in a revision: an object is created after, and dropped before, what it depends on.

    Constraints are dropped after new ones are added, so that a row that violates a new one ends the revision with the
    old ones in force.
    """

    ASK = 0
    """Values and statements that only the author knows, before anything is changed."""
    DROP_DEPENDENT = 1
    """Views, triggers and policies, which depend on tables and columns."""
    CLEAR_FOREIGN_KEY = 2
    CLEAR_CONSTRAINT = 3
    CLEAR_INDEX = 4
    """Constraints and indexes whose name a new one takes, or whose column changes its type."""
    CREATE_TYPE = 5
    """Enum types, domains, sequences."""
    CREATE_FUNCTION = 6
    CREATE_TABLE = 7
    ADD_COLUMN = 8
    CHANGE_TYPE = 9
    ALTER = 10
    """Defaults, identities, names: changes of the system catalogue alone."""
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
    """A lock as the docstring of the revision describes it."""

    BRIEF = "ACCESS EXCLUSIVE for milliseconds"
    QUIET = "SHARE UPDATE EXCLUSIVE, which stops nobody"
    FOREIGN_KEY = "SHARE ROW EXCLUSIVE for milliseconds"
    ROWS = "the rows of a batch while it is written"
    NEW = "new, nobody uses it yet"


@dataclass(frozen=True)
class HeldLock:
    """A lock on a table, and the purpose as the docstring says it."""

    table: str
    lock: Lock
    purpose: str = ""


@dataclass(frozen=True)
class Change:
    """An operation of the revision, with what the docstring says: the locks, and a sentence on the rows (`data`)."""

    phase: Phase
    operation: MigrateOperation
    locks: tuple[HeldLock, ...] = ()
    data: str | None = None
