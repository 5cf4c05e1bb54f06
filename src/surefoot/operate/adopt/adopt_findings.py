"""What `adopt` finds: each deviation with the group it belongs to and the SQL that makes up for it."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from psycopg import sql
from sqlalchemy.dialects import postgresql

from surefoot.catalogue.differences import Deviation

_PREPARER = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]  # SQLAlchemy left it so


class Group(StrEnum):
    """What a deviation asks of the operator."""

    HARMLESS = "harmless"
    """Can be repaired now: no value changes, and nothing goes away that somebody made."""
    DECISION = "decision"
    """Somebody made it so, or rows stand against it: only a person can tell."""
    FOREIGN = "foreign"
    """Not this database at all: the thing has only its name in common with ours."""


class Phase(IntEnum):
    """In which order statements can run, whatever they repair."""

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
    """One statement of the repair."""

    phase: Phase
    sql: str


@dataclass(frozen=True)
class Repair:
    """How a deviation is made up for. Without statements nothing can be written that would keep every value."""

    group: Group
    note: str = ""
    """What the operator has to know of it; empty where the deviation says it all."""
    statements: tuple[Statement, ...] = ()
    back: str = ""
    """SQL that takes the repair back, where it takes something away."""
    show: str = ""
    """A query that shows the rows which stand against it."""


@dataclass(frozen=True)
class Finding:
    """A deviation and its repair."""

    deviation: Deviation
    repair: Repair
    stays: bool = False
    """Whether it is in nobody's way, and nothing else asks for the repair now."""

    def as_json(self) -> dict[str, object]:
        """The finding as an object that json can write."""
        return {
            **self.deviation.as_json(),
            "says": str(self.deviation),
            "group": self.repair.group.value,
            "note": self.repair.note or None,
            "repair": [each.sql for each in self.repair.statements],
            "shows_rows": self.repair.show or None,
        }


def quoted(name: str) -> str:
    """`name` as SQL takes it, in quotes only where it needs them."""
    return str(_PREPARER.quote(name))


def literal(text: str | None) -> str:
    """`text` as an SQL literal; NULL for None."""
    return sql.Literal(text).as_string().strip()


def harmless(*statements: Statement, note: str = "") -> Repair:
    """A repair that can be made now."""
    return Repair(Group.HARMLESS, note, statements)


def decision(note: str, *statements: Statement, back: str = "", show: str = "") -> Repair:
    """A repair that somebody has to decide about, or that nobody can write without losing values."""
    return Repair(Group.DECISION, note, statements, back, show)
