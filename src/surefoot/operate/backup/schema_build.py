"""Builds the schema of a dump entry by entry, and tells what this role may not create from what is broken."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import psycopg

from surefoot.operate.backup.table_of_contents import Entry

BATCH = 100
"""Entries that are sent together: few round trips to a distant server, and few locks in one transaction."""
NOT_AVAILABLE = frozenset({"42501", "58P01"})
"""The SQLSTATEs of a missing privilege, and of a library that the server does not have."""
NO_OBJECT = "42704"
THERE_ALREADY = frozenset({"42710", "42P07", "42723", "42P06"})
ENVIRONMENT_FAULTS = ("08", "53", "55006", "55P03", "57", "58030")
"""How SQLSTATEs begin that do not mean the dump: connection, resources, locks, operator intervention, system errors."""


@dataclass(frozen=True)
class EntryFault:
    """An entry that was not built, and the message of the server."""

    entry: Entry
    message: str

    def __str__(self) -> str:
        return f"{self.entry} ({self.message})"


@dataclass
class BuildResult:
    """The result of building entries. `refused` has what this role may not create here, and what depends on that."""

    entries: int = 0
    refused: list[EntryFault] = field(default_factory=list)
    existing: list[EntryFault] = field(default_factory=list)
    """Entries whose object existed already."""
    broken: list[EntryFault] = field(default_factory=list)
    granted_by_one: list[Entry] = field(default_factory=list)
    """Privileges that others had granted, and that a role which is no superuser granted in their place."""
    doubts: list[str] = field(default_factory=list)
    """Why rows may not be loaded, in words, although every entry was built."""

    @property
    def skipped(self) -> frozenset[int]:
        """Return the numbers of all entries that were not built."""
        return frozenset(fault.entry.id for fault in (*self.refused, *self.existing, *self.broken))

    @property
    def roots(self) -> list[EntryFault]:
        """Return the refused entries that do not depend on another refused one."""
        missing = {fault.entry.id for fault in self.refused}
        return [fault for fault in self.refused if not fault.entry.dependencies & missing]


def build(
    driver: psycopg.Connection, entries: Sequence[Entry], result: BuildResult, *, over_existing: bool = False
) -> None:
    """Run the entries, each batch in a transaction of its own or under a savepoint of the caller's.

    A batch that fails is run again entry by entry. With `over_existing`, objects may exist already. Raises
    psycopg.Error for faults that are not those of the dump.
    """
    for first in range(0, len(entries), BATCH):
        batch = entries[first : first + BATCH]
        result.entries += sum(entry.id > 0 for entry in batch)
        if _run(driver, batch) is None:
            continue
        for entry in batch:
            fault = _run(driver, [entry])
            if fault is not None:
                _classify(fault, entry, result, over_existing=over_existing)


def _run(driver: psycopg.Connection, entries: Iterable[Entry]) -> psycopg.Error | None:
    text = "".join(entry.sql for entry in entries).encode("utf-8", "surrogateescape")
    try:
        with driver.transaction():
            driver.execute(text)
    except psycopg.Error as fault:
        state = fault.sqlstate
        if state is None or state.startswith(ENVIRONMENT_FAULTS):
            raise
        return fault
    return None


def _classify(fault: psycopg.Error, entry: Entry, result: BuildResult, *, over_existing: bool) -> None:
    failure = EntryFault(entry, error_message(fault))
    add: Callable[[EntryFault], None]
    # for some kinds only a unique index of the system catalogue detects that the object exists
    exists = fault.sqlstate in THERE_ALREADY or (fault.sqlstate == "23505" and fault.diag.schema_name == "pg_catalog")
    if over_existing and exists:
        add = result.existing.append
    elif (
        fault.sqlstate in NOT_AVAILABLE
        or entry.kind == "EXTENSION"
        or entry.dependencies & result.skipped
        or (entry.kind == "USER MAPPING" and fault.sqlstate == NO_OBJECT and _server_skipped(entry, result))
    ):
        add = result.refused.append
    else:
        add = result.broken.append
    add(failure)


def _server_skipped(mapping: Entry, result: BuildResult) -> bool:
    """Return whether the server of a user mapping was not built; pg_dump does not list that dependency."""
    skipped = (fault.entry for fault in (*result.refused, *result.existing, *result.broken))
    return any(each.kind == "SERVER" and mapping.name.endswith(f" SERVER {each.name}") for each in skipped)


def error_message(fault: psycopg.Error) -> str:
    """Return only the primary message of the server, on one line."""
    text = fault.diag.message_primary or (str(fault).splitlines() or [type(fault).__name__])[0]
    return " ".join(text.split()).rstrip(".")
