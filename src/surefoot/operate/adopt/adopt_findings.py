"""What `adopt` finds: each difference from the revision, with its group and the SQL that repairs it."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from psycopg import sql
from sqlalchemy.dialects import postgresql

from surefoot.catalogue.differences import Deviation

_PREPARER = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]  # SQLAlchemy left it so


class Group(StrEnum):
    """What a difference asks of the operator."""

    HARMLESS = "harmless"
    """It can be repaired now: no value changes, and nothing that somebody made is dropped."""
    DECISION = "decision"
    """Somebody made it on purpose, or existing rows violate it: a person has to decide."""
    FOREIGN = "foreign"
    """It belongs to another database: the object has little more than its name in common with the expected one."""


class Phase(IntEnum):
    """The order in which statements can run, whichever difference they repair."""

    PROGRAM_ASIDE = -1
    ASIDE = 0
    TYPE = 1
    SEQUENCE = 2
    TABLE = 3
    COLUMN = 4
    DEFAULT = 5
    CONSTRAINT = 6
    FOREIGN_KEY = 7
    PROGRAM = 8
    COMMENT = 9


@dataclass(frozen=True)
class Statement:
    """One SQL statement of a repair."""

    phase: Phase
    sql: str


@dataclass(frozen=True)
class Repair:
    """The repair of a difference. It has no statements if none could repair it and keep every value."""

    group: Group
    note: str = ""
    """What the operator has to know about it; empty if the difference explains itself."""
    statements: tuple[Statement, ...] = ()
    undo: str = ""
    """SQL that reverts the repair, if it drops something; or in words what restores it."""
    rows_query: str = ""
    """A query that shows the rows which violate the expected definition."""


@dataclass(frozen=True)
class Finding:
    """A difference and its repair."""

    deviation: Deviation
    repair: Repair
    may_stay: bool = False
    """Whether no pending revision needs the repair."""

    def as_json(self) -> dict[str, object]:
        """Return the finding as an object that json can write."""
        return {
            **self.deviation.as_json(),
            "says": str(self.deviation),
            "group": self.repair.group.value,
            "note": self.repair.note or None,
            "repair": [each.sql for each in self.repair.statements],
            "shows_rows": self.repair.rows_query or None,
        }


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier, quoted only if it has to be."""
    return str(_PREPARER.quote(name))


def literal(text: str | None) -> str:
    """Return `text` as an SQL literal; NULL for None."""
    return sql.Literal(text).as_string().strip()


def harmless(*statements: Statement, note: str = "") -> Repair:
    """Return a repair of the group HARMLESS."""
    return Repair(Group.HARMLESS, note, statements)


def decision(note: str, *statements: Statement, undo: str = "", rows_query: str = "") -> Repair:
    """Return a repair of the group DECISION; without statements if none could keep every value."""
    return Repair(Group.DECISION, note, statements, undo, rows_query)
