"""The schema of a dump, built entry by entry: what this role may not make is told from what cannot be made at all."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import psycopg

from surefoot.operate.backup.table_of_contents import Entry

MANY = 100
"""Entries that are sent together: a far server is asked seldom, and the locks of one transaction stay few."""
MAY_NOT = frozenset({"42501", "58P01"})
"""Insufficient privilege; a library that the server does not have."""
NO_OBJECT = "42704"
THERE_ALREADY = frozenset({"42710", "42P07", "42723", "42P06"})
NOT_ITS_FAULT = ("08", "53", "55006", "55P03", "57", "58030")
"""How the codes of faults begin that say nothing of the dump: connection, room, locks, an operator, the system."""


@dataclass(frozen=True)
class Fault:
    """An entry that was not built, and the server's sentence."""

    entry: Entry
    said: str

    def __str__(self) -> str:
        return f"{self.entry} ({self.said})"


@dataclass
class Built:
    """How far it went. In `refused` is what this role may not make here, and what needs such a thing."""

    entries: int = 0
    refused: list[Fault] = field(default_factory=list)
    there: list[Fault] = field(default_factory=list)
    """What stood there already."""
    broken: list[Fault] = field(default_factory=list)

    @property
    def skipped(self) -> frozenset[int]:
        """The numbers of all that was not built."""
        return frozenset(fault.entry.id for fault in (*self.refused, *self.there, *self.broken))

    @property
    def roots(self) -> list[Fault]:
        """What was refused for its own sake, and not because it needs something else that was."""
        missing = {fault.entry.id for fault in self.refused}
        return [fault for fault in self.refused if not fault.entry.needs & missing]


def build(driver: psycopg.Connection, entries: Sequence[Entry], built: Built, *, over: bool = False) -> None:
    """Run the entries, each batch in a transaction of its own or under a savepoint of the caller's.

    A batch that fails is run again one by one. With `over` things may stand there already. Raises psycopg.Error for
    faults that are not the dump's.
    """
    for first in range(0, len(entries), MANY):
        some = entries[first : first + MANY]
        built.entries += sum(entry.id > 0 for entry in some)
        if _run(driver, some) is None:
            continue
        for entry in some:
            fault = _run(driver, [entry])
            if fault is not None:
                _sort(fault, entry, built, over=over)


def _run(driver: psycopg.Connection, entries: Iterable[Entry]) -> psycopg.Error | None:
    text = "".join(entry.sql for entry in entries).encode("utf-8", "surrogateescape")
    try:
        with driver.transaction():
            driver.execute(text)
    except psycopg.Error as fault:
        state = fault.sqlstate
        if state is None or state.startswith(NOT_ITS_FAULT):
            raise
        return fault
    return None


def _sort(fault: psycopg.Error, entry: Entry, built: Built, *, over: bool) -> None:
    found = Fault(entry, said(fault))
    kept: Callable[[Fault], None]
    # of some kinds the server finds it out only by an index of its catalogue
    there = fault.sqlstate in THERE_ALREADY or (fault.sqlstate == "23505" and fault.diag.schema_name == "pg_catalog")
    if over and there:
        kept = built.there.append
    elif (
        fault.sqlstate in MAY_NOT
        or entry.kind == "EXTENSION"
        or entry.needs & built.skipped
        or (entry.kind == "USER MAPPING" and fault.sqlstate == NO_OBJECT and _server_skipped(entry, built))
    ):
        kept = built.refused.append
    else:
        kept = built.broken.append
    kept(found)


def _server_skipped(mapping: Entry, built: Built) -> bool:
    """Whether the server of a user mapping was not built; pg_dump does not say that the one needs the other."""
    skipped = (fault.entry for fault in (*built.refused, *built.there, *built.broken))
    return any(each.kind == "SERVER" and mapping.name.endswith(f" SERVER {each.name}") for each in skipped)


def said(fault: psycopg.Error) -> str:
    """The server's sentence alone."""
    text = fault.diag.message_primary or (str(fault).splitlines() or [type(fault).__name__])[0]
    return " ".join(text.split()).rstrip(".")
