"""What a rehearsal found, as values: revision by revision, what became of rows and values, and what it will cost."""

import datetime as dt
from dataclasses import dataclass

from surefoot.operate.rehearse.value_hashes import Table

MODES = (
    "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE", "ACCESS EXCLUSIVE",
)  # fmt: skip
"""PostgreSQL's lock modes on a table, the weakest first."""


@dataclass(frozen=True)
class HeldLock:
    """A lock that a revision held on a table that was there before it."""

    table: str
    mode: str
    seconds: float
    """The longest time in one transaction, from the beginning of the statement that took it to the commit."""
    times: int
    """In how many transactions."""
    sampled: bool = False
    """Seen from outside every few milliseconds, because the statement allows no transaction around it."""
    changes: bool = False
    """Whether rows that were there were changed under it."""

    @property
    def strength(self) -> int:
        """Its place among the modes."""
        return MODES.index(self.mode)

    @property
    def stops(self) -> str:
        """Who has to wait meanwhile."""
        if self.mode == "ACCESS EXCLUSIVE":
            return "reads and writes wait"
        if self.strength >= MODES.index("SHARE"):
            return "writes wait"
        return "writes of the same rows wait" if self.rows else "nobody waits"

    @property
    def rows(self) -> bool:
        """Whether it is the rows that are waited for and not the table: an UPDATE holds each until its commit."""
        return self.changes and self.mode == "ROW EXCLUSIVE"

    @property
    def stalls(self) -> bool:
        """Whether it stops anybody who works with the database."""
        return self.stops != "nobody waits"


@dataclass(frozen=True)
class Changed:
    """Rows that a revision changed in one table, by PostgreSQL's own count; a row twice changed counts twice."""

    table: str
    inserted: int
    updated: int
    deleted: int

    @property
    def rows(self) -> int:
        """All of them."""
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True)
class Rewritten:
    """A table whose rows were written anew, into another file; about how many there are."""

    table: str
    rows: int


@dataclass(frozen=True)
class Ran:
    """One revision on its way up."""

    revision: str
    message: str
    sha256: str
    """Of its file: what was measured of another text is no longer true."""
    seconds: float
    locks: tuple[HeldLock, ...]
    """By table, the strongest first; of those that stop nobody only the strongest of each table."""
    changed: tuple[Changed, ...]
    rewritten: tuple[Rewritten, ...]
    wal: int
    """Bytes that the server wrote to its log meanwhile."""
    size: int
    """Bytes of the database afterwards."""

    @property
    def rows(self) -> int:
        """Rows inserted, updated and deleted."""
        return sum(each.rows for each in self.changed)

    @property
    def worst(self) -> HeldLock | None:
        """The lock that stops people longest."""
        return max((each for each in self.locks if each.stalls), key=lambda each: each.seconds, default=None)


@dataclass(frozen=True)
class Failure:
    """The revision at which the way ended, and why. `meant` is one that its author refuses on purpose."""

    revision: str
    why: str
    meant: bool = False


@dataclass(frozen=True)
class WayBack:
    """Down to where the copy came from, and up again."""

    seconds: float = 0
    failure: Failure | None = None
    deviations: tuple[str, ...] = ()
    """What sets the catalogue after the way down apart from the one before the upgrade."""
    lost: tuple[str, ...] = ()
    """Values and rows that were there before the upgrade and that going down does not bring back."""
    filled: int = 0
    """Values that were NULL before the upgrade and have one after the way down."""
    again: float | None = None
    """Seconds of the second way up; None where it was not gone to its end."""
    again_failure: Failure | None = None
    again_deviations: tuple[str, ...] = ()
    """What sets the second way up apart from the first, in the catalogue."""
    again_differs: tuple[str, ...] = ()
    """Columns with other values than after the first way up, such as times of the day."""


@dataclass(frozen=True)
class Source:
    """What the copy was made from."""

    name: str
    fresh: bool
    taken_at: dt.datetime
    why: str
    """Why this one."""


@dataclass(frozen=True)
class Cost:
    """What the upgrade will cost, all revisions together."""

    seconds: float
    size_before: int
    size_after: int
    size_peak: int
    wal: int
    rows: int
    rows_rewritten: int


@dataclass(frozen=True)
class Rehearsal:
    """All of it. `problems` are what must be looked at before the upgrade: empty where the rehearsal held."""

    database: str
    server: str
    """Host and port of the real one."""
    server_version: int
    at: tuple[str, ...]
    target: str
    started_at: dt.datetime
    source: Source
    place: str
    """Where the copy was."""
    rows: int
    """Of all tables of the copy, before."""
    revisions: tuple[Ran, ...]
    pending: int
    failure: Failure | None
    values: tuple[Table, ...]
    """What the way up did to rows and values that were there before."""
    way_back: WayBack | None
    problems: tuple[str, ...]
    cost: Cost
    notes: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    """Roles that have rights on other tables and none on some after the upgrade; perhaps as it is meant."""
    lacking: str | None = None
    """Which right the role that rehearsed lacks to run the upgrade, in words: nothing that speaks against it."""

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the upgrade."""
        return not self.problems

    @property
    def worst(self) -> tuple[Ran, HeldLock] | None:
        """The revision and the lock that stop people longest; None where nobody has to wait."""
        found = [(each, each.worst) for each in self.revisions if each.worst is not None]
        return max(((ran, held) for ran, held in found if held), key=lambda pair: pair[1].seconds, default=None)
