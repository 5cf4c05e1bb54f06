"""The report of a rehearsal: as Markdown to keep, and as values for a program. Names and numbers, no row of anybody."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from surefoot.operate.rehearse.lock_watch import RESOLUTION
from surefoot.operate.rehearse.rehearsal_result import Ran, Rehearsal, WayBack
from surefoot.operate.rehearse.summary import growth, verdict
from surefoot.operate.rehearse.value_hashes import Table
from surefoot.wording import measured, size

HOW = f"""\
Times are those of this copy on this server, without users. A lock is counted from the beginning of the statement that
took it until its transaction commits, as the migrating connection itself saw it; "sampled" ones, of statements that run
in no transaction, were looked at every {RESOLUTION * 1000:.0f} ms from outside. Tables that a revision makes itself are
left out. Values are compared by hash and by the key of their row, numbers as numbers and times as UTC. Of
alembic_version and migration_journal, and of what schema retired holds, no value is compared; rows set aside there are
counted."""


def as_object(found: Rehearsal) -> dict[str, Any]:
    """All of it for a program, with what the terminal says in words."""
    told = asdict(found)
    for ran, values in zip(found.revisions, told["revisions"], strict=True):
        values["locks"] = [asdict(lock) | {"stops": lock.stops} for lock in ran.locks]
    return told | {"holds": found.holds, "verdict": verdict(found)}


def markdown(found: Rehearsal) -> str:
    """The report."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Rehearsal) -> Iterator[str]:
    yield f"# Rehearsal of {_cell(found.database)}, {found.started_at:%Y-%m-%d %H:%M} UTC"
    yield f"\n**{_cell(verdict(found))}**\n"
    yield f"- From {' and '.join(found.at) or 'no revision'} to {found.target}, {found.pending} revisions."
    kind = "a fresh dump" if found.source.fresh else f"the backup {_cell(found.source.name)}"
    yield f"- The copy: {kind}, taken {found.source.taken_at:%Y-%m-%d %H:%M} UTC ({_cell(found.source.why)})."
    version = found.server_version // 10_000
    yield f"- {found.rows:,} rows, in {found.place}; the original is on {_cell(found.server)}, PostgreSQL {version}."
    if found.revisions:
        yield f"- {growth(found)}"
    yield from (f"- Of the copy: {_cell(note)}" for note in found.notes)
    if found.lacking:
        yield f"- {_cell(found.lacking)}."
    if found.problems:
        yield "\n## To look at before the upgrade\n"
        yield from (f"- {_cell(each)}" for each in found.problems)
    if found.rights:
        yield "\n## Rights of other roles\n"
        yield from (f"- {_cell(each)}" for each in found.rights)
    yield "\n## Revisions\n"
    yield "| revision | what | time | rows changed | rewritten | WAL | database after |"
    yield "|---|---|---|---|---|---|---|"
    yield from map(_revision, found.revisions)
    yield "\n## Locks\n"
    yield "| revision | table | lock | longest | times | who waits |"
    yield "|---|---|---|---|---|---|"
    for ran in found.revisions:
        yield from _locks(ran)
    yield from _values(found.values)
    if found.way_back is not None:
        yield from _way_back(found.way_back)
    yield f"\n## How it was measured\n\n{HOW}"


def _revision(ran: Ran) -> str:
    rows = ", ".join(f"{each.table} {each.rows:,}" for each in ran.changed) or "none"
    rewritten = ", ".join(f"{each.table} (about {each.rows:,} rows)" for each in ran.rewritten) or "none"
    return _row(f"`{ran.revision}`", ran.message, measured(ran.seconds), rows, rewritten, size(ran.wal), size(ran.size))


def _locks(ran: Ran) -> Iterator[str]:
    for lock in ran.locks:
        sampled = " (sampled)" if lock.sampled else ""
        longest = f"{measured(lock.seconds)}{sampled}"
        yield _row(f"`{ran.revision}`", lock.table, lock.mode, longest, str(lock.times), lock.stops)


def _values(tables: tuple[Table, ...]) -> Iterator[str]:
    yield "\n## Rows and values after the upgrade\n"
    if not tables:
        yield "Every row and every value is as it was."
        return
    yield "What differs from before; a table that is not named is as it was.\n"
    yield "| table | column | type before | type after | filled | now NULL | changed |"
    yield "|---|---|---|---|---|---|---|"
    for table in tables:
        for column in table.columns:
            counts = (f"{number:,}" for number in (column.filled, column.emptied, column.changed))
            yield _row(table.name, column.name, column.was, column.became, *counts)
    yield ""
    for table in tables:
        if not table.there:
            yield f"- {_cell(table.name)}: the table is set aside or dropped, with {table.rows:,} rows."
        elif table.gone or table.new:
            became = f"{table.gone:,} are not there any more, {table.new:,} are new"
            yield f"- {_cell(table.name)}: of {table.rows:,} rows {became}."
        if table.absent:
            yield f"- {_cell(table.name)}: set aside or dropped: {_cell(', '.join(table.absent))}."


def _way_back(back: WayBack) -> Iterator[str]:
    yield "\n## The way back\n"
    if back.failure is not None:
        word = "refuses on purpose" if back.failure.meant else "failed"
        yield f"After {measured(back.seconds)} revision `{back.failure.revision}` {word}: {_cell(back.failure.why)}"
        return
    yield f"Down took {measured(back.seconds)}" + (
        f", up again {measured(back.again)}." if back.again is not None else "."
    )
    if back.again_failure is not None:
        yield f"\nUp again failed in `{back.again_failure.revision}`: {_cell(back.again_failure.why)}"
    yield "\nValues that going down does not bring back:\n"
    yield from (f"- {_cell(each)}" for each in back.lost or ("none",))
    if back.filled:
        yield f"\n{back.filled:,} values that were NULL before the upgrade keep what it filled in."
    if back.again_differs:
        yield "\nAfter the second way up these have other values than after the first (times of the day, new keys):\n"
        yield from (f"- {_cell(each)}" for each in back.again_differs)


def _row(*cells: str) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Text that breaks no table, on one line."""
    return " ".join(text.split()).replace("|", "\\|")
