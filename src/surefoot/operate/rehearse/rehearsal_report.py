"""The report of a rehearsal, as Markdown to keep and as values for a program.

It contains names and numbers, no rows.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from surefoot.operate.rehearse.lock_watch import SAMPLE_MS
from surefoot.operate.rehearse.rehearsal_result import DowngradeResult, Rehearsal, RevisionRun
from surefoot.operate.rehearse.summary import growth, table_sentences, verdict
from surefoot.operate.rehearse.value_hashes import TableDifference
from surefoot.wording import measured, size

METHOD = f"""\
Times are those of this copy on this server, without users. A lock is counted from the beginning of the statement that
took it until its transaction commits, as the migrating connection itself saw it; "sampled" ones, of statements that run
in no transaction, were looked at every {SAMPLE_MS} ms from outside. Tables that a revision makes itself are
left out. Values are compared by hash and by the key of their row, numbers as numbers and times as UTC. Of
alembic_version and migration_journal, and of what schema retired holds, no value is compared; rows set aside there are
counted."""


def as_object(result: Rehearsal) -> dict[str, Any]:
    """Return the rehearsal as an object that json can write, together with the verdict in words."""
    content = asdict(result)
    for ran, values in zip(result.revisions, content["revisions"], strict=True):
        values["locks"] = [asdict(lock) | {"stops": lock.stops} for lock in ran.locks]
    return content | {"holds": result.holds, "verdict": verdict(result)}


def markdown(result: Rehearsal) -> str:
    """Return the report as Markdown."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Rehearsal) -> Iterator[str]:
    yield f"# Rehearsal of {_cell(result.database)}, {result.started_at:%Y-%m-%d %H:%M} UTC"
    yield f"\n**{_cell(verdict(result))}**\n"
    yield f"- From {' and '.join(result.at) or 'no revision'} to {result.target}, {result.pending} revisions."
    kind = "a fresh dump" if result.source.fresh else f"the backup {_cell(result.source.name)}"
    yield f"- The copy: {kind}, taken {result.source.taken_at:%Y-%m-%d %H:%M} UTC ({_cell(result.source.why)})."
    version = result.server_version // 10_000
    yield f"- {result.rows:,} rows, in {result.place}; the original is on {_cell(result.server)}, PostgreSQL {version}."
    if result.revisions:
        yield f"- {growth(result)}"
    yield from (f"- Of the copy: {_cell(note)}" for note in result.notes)
    yield from (f"- {_cell(each)}" for each in result.replication)
    if result.lacking:
        yield f"- {_cell(result.lacking)}."
    if result.problems:
        yield "\n## To be corrected before the upgrade\n"
        yield from (f"- {_cell(each)}" for each in result.problems)
    if result.rights:
        yield "\n## Rights of other roles\n"
        yield from (f"- {_cell(each)}" for each in result.rights)
    yield "\n## Revisions\n"
    yield "| revision | what | time | rows changed | rewritten | WAL | database after |"
    yield "|---|---|---|---|---|---|---|"
    yield from map(_revision, result.revisions)
    yield "\n## Locks\n"
    yield "| revision | table | lock | longest | times | who waits |"
    yield "|---|---|---|---|---|---|"
    for ran in result.revisions:
        yield from _locks(ran)
    yield from _values(result.values)
    if result.way_back is not None:
        yield from _downgrade(result.way_back)
    yield f"\n## How it was measured\n\n{METHOD}"


def _revision(ran: RevisionRun) -> str:
    rows = ", ".join(f"{each.table} {each.rows:,}" for each in ran.changed) or "none"
    rewritten = ", ".join(f"{each.table} (about {each.rows:,} rows)" for each in ran.rewritten) or "none"
    return _row(f"`{ran.revision}`", ran.message, measured(ran.seconds), rows, rewritten, size(ran.wal), size(ran.size))


def _locks(ran: RevisionRun) -> Iterator[str]:
    for lock in ran.locks:
        sampled = " (sampled)" if lock.sampled else ""
        longest = f"{measured(lock.seconds)}{sampled}"
        yield _row(f"`{ran.revision}`", lock.table, lock.mode, longest, str(lock.times), lock.stops)


def _values(tables: tuple[TableDifference, ...]) -> Iterator[str]:
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
        yield from (f"- {_cell(each)}" for each in table_sentences(table))


def _downgrade(downgrade: DowngradeResult) -> Iterator[str]:
    yield "\n## The downgrade\n"
    failure = downgrade.failure
    if failure is not None:
        word = "refuses on purpose" if failure.meant else "failed"
        yield f"After {measured(downgrade.seconds)} revision `{failure.revision}` {word}: {_cell(failure.why)}"
        return
    yield f"Down took {measured(downgrade.seconds)}" + (
        f", up again {measured(downgrade.again)}." if downgrade.again is not None else "."
    )
    if downgrade.again_failure is not None:
        yield f"\nUp again failed in `{downgrade.again_failure.revision}`: {_cell(downgrade.again_failure.why)}"
    yield "\nValues that going down does not bring back:\n"
    yield from (f"- {_cell(each)}" for each in downgrade.lost or ("none",))
    if downgrade.filled:
        yield f"\n{downgrade.filled:,} values that were NULL before the upgrade keep what it filled in."
    if downgrade.again_differs:
        yield "\nAfter the second way up these have other values than after the first (times of the day, new keys):\n"
        yield from (f"- {_cell(each)}" for each in downgrade.again_differs)


def _row(*cells: str) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Return the text on one line, with `|` escaped, for a table of Markdown."""
    return " ".join(text.split()).replace("|", "\\|")
