"""One thing that a revision does: the operation, when its turn is, which lock it takes, what it does to rows."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from alembic.operations.ops import MigrateOperation


class Phase(IntEnum):
    """The order of a revision: what depends on something comes after it, and goes before it."""

    ASK = 0
    """What only the author knows: before anything is done."""
    DROP_DEPENDENT = 1
    """Views, triggers and policies, which hold on to tables and columns."""
    DROP_FOREIGN_KEY = 2
    DROP_CONSTRAINT = 3
    DROP_INDEX = 4
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
    RETIRE_COLUMN = 16
    RETIRE_TABLE = 17
    RETIRE_TYPE = 18
    CREATE_DEPENDENT = 19
    DROP_FUNCTION = 20
    COMMENT = 21


class Lock(StrEnum):
    """What others notice of an operation."""

    BRIEF = "ACCESS EXCLUSIVE for milliseconds"
    QUIET = "SHARE UPDATE EXCLUSIVE, which stops nobody"
    FOREIGN_KEY = "SHARE ROW EXCLUSIVE for milliseconds"
    ROWS = "the rows of a batch while it is written"
    NEW = "new, nobody uses it yet"


@dataclass(frozen=True)
class Held:
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
    held: tuple[Held, ...] = ()
    data: str | None = None
