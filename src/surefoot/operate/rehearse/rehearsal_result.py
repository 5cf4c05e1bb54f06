"""The result of a rehearsal as values: each revision, what became of rows and values, and the cost.

JSON has these names.
"""

import datetime as dt
from dataclasses import dataclass

from surefoot.operate.rehearse.value_hashes import TableDifference

MODES = (
    "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE", "ACCESS EXCLUSIVE",
)  # fmt: skip
"""PostgreSQL's lock modes of tables, weakest first."""


@dataclass(frozen=True)
class HeldLock:
    """A lock that a revision held on a table that existed before it."""

    table: str
    mode: str
    seconds: float
    """The longest time in one transaction, from the beginning of the statement that took the lock to the commit."""
    times: int
    """The number of transactions that held it."""
    sampled: bool = False
    """Whether it was sampled from a second connection, because the statement cannot run in a transaction."""
    changes: bool = False
    """Whether existing rows were updated or deleted."""
    at: float = 0
    """Seconds from the beginning of the revision to the statement that took it, of the time that was the longest."""

    @property
    def strength(self) -> int:
        """Return the position of the mode in `MODES`."""
        return MODES.index(self.mode)

    @property
    def stops(self) -> str:
        """Return in words who waits for the lock."""
        if self.mode == "ACCESS EXCLUSIVE":
            return "reads and writes wait"
        if self.strength >= MODES.index("SHARE"):
            return "writes wait"
        return "writes of the same rows wait" if self.rows else "nobody waits"

    @property
    def rows(self) -> bool:
        """Return whether rows are waited for and not the table: an UPDATE locks each row until its commit."""
        return self.changes and self.mode == "ROW EXCLUSIVE"

    @property
    def stalls(self) -> bool:
        """Return whether anybody waits for the lock."""
        return self.stops != "nobody waits"


@dataclass(frozen=True)
class ChangedRows:
    """The rows of a table that a revision changed, by PostgreSQL's statistics; a row changed twice counts twice."""

    table: str
    inserted: int
    updated: int
    deleted: int

    @property
    def rows(self) -> int:
        """Return the sum of inserted, updated and deleted rows."""
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True)
class RewrittenTable:
    """A table that was rewritten into another file, with its approximate number of rows."""

    table: str
    rows: int


@dataclass(frozen=True)
class RevisionRun:
    """The upgrade to one revision."""

    revision: str
    message: str
    sha256: str
    """The hash of its file: the measurements do not hold for another text."""
    seconds: float
    locks: tuple[HeldLock, ...]
    """By table, strongest mode first; modes that block nobody only if no stronger one was held."""
    changed: tuple[ChangedRows, ...]
    rewritten: tuple[RewrittenTable, ...]
    wal: int
    """Bytes of WAL that the server wrote meanwhile."""
    size: int
    """Bytes of the database afterwards."""

    @property
    def rows(self) -> int:
        """Return the sum of inserted, updated and deleted rows."""
        return sum(each.rows for each in self.changed)

    @property
    def worst(self) -> HeldLock | None:
        """Return the lock that blocks others for longest; None if none does."""
        return max((each for each in self.locks if each.stalls), key=lambda each: each.seconds, default=None)


@dataclass(frozen=True)
class Failure:
    """The revision that failed, and why. `meant` is True if its author raises the error on purpose."""

    revision: str
    why: str
    meant: bool = False


@dataclass(frozen=True)
class DowngradeResult:
    """The downgrade to where the copy began, and the second upgrade."""

    seconds: float = 0
    failure: Failure | None = None
    deviations: tuple[str, ...] = ()
    """The differences between the catalogue after the downgrade and the one before the upgrade."""
    lost: tuple[str, ...] = ()
    """Rows and values that existed before the upgrade and that the downgrade does not restore."""
    filled: int = 0
    """The number of values that were NULL before the upgrade and are not NULL after the downgrade."""
    again: float | None = None
    """Seconds of the second upgrade; None if it was not completed."""
    again_failure: Failure | None = None
    again_deviations: tuple[str, ...] = ()
    """The differences between the catalogues after the second and the first upgrade."""
    again_differs: tuple[str, ...] = ()
    """The columns whose values differ between the second and the first upgrade, such as timestamps."""


@dataclass(frozen=True)
class CopySource:
    """The backup that the copy was restored from."""

    name: str
    fresh: bool
    taken_at: dt.datetime
    why: str
    """Why this one was chosen."""


@dataclass(frozen=True)
class UpgradeCost:
    """The cost of all revisions together: seconds, bytes and rows."""

    seconds: float
    size_before: int
    size_after: int
    size_peak: int
    wal: int
    rows: int
    rows_rewritten: int


@dataclass(frozen=True)
class Rehearsal:
    """The whole result. `problems` speak against the upgrade; there are none if the rehearsal succeeded."""

    database: str
    server: str
    """Host and port of the real database."""
    server_version: int
    at: tuple[str, ...]
    target: str
    started_at: dt.datetime
    source: CopySource
    place: str
    """Where the copy was, in words."""
    rows: int
    """The number of rows in all tables of the copy, before the upgrade."""
    revisions: tuple[RevisionRun, ...]
    pending: int
    failure: Failure | None
    values: tuple[TableDifference, ...]
    """What the upgrade did to existing rows and values."""
    way_back: DowngradeResult | None
    problems: tuple[str, ...]
    cost: UpgradeCost
    notes: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    """Roles that have rights on other tables and none on some after the upgrade; that may be intended."""
    replication: tuple[str, ...] = ()
    """What standbys and subscribers of the real server would notice of the upgrade."""
    lacking: str | None = None
    """The right that the rehearsing role lacks for the upgrade, in words. It is no problem of the upgrade."""

    @property
    def holds(self) -> bool:
        """Return whether nothing speaks against the upgrade."""
        return not self.problems

    @property
    def worst(self) -> tuple[RevisionRun, HeldLock] | None:
        """Return the revision and the lock that block others for longest; None if nobody waits."""
        worst_locks = [(each, each.worst) for each in self.revisions]
        return max(((run, lock) for run, lock in worst_locks if lock), key=lambda pair: pair[1].seconds, default=None)
