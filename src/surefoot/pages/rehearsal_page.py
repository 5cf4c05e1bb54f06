"""The page of a rehearsal: a timeline of the revisions with who waits, rows by table, and what going down loses."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import htpy as h

from surefoot.operate.rehearse.rehearsal_report import METHOD
from surefoot.operate.rehearse.rehearsal_result import ChangedRows, HeldLock, Rehearsal, RevisionRun
from surefoot.operate.rehearse.summary import growth, lock_text, table_sentences, verdict
from surefoot.pages import drawings, page_parts
from surefoot.pages.drawings import Bar
from surefoot.pages.page_parts import Column
from surefoot.program import program
from surefoot.wording import counted, measured, utc_time

KEYS = {
    "run": "the revision runs",
    "all": "reads and writes of a table wait",
    "writes": "writes of a table wait",
    "rows": "writes of the same rows wait",
}
"""What each kind of bar in the timeline says."""


def page(result: Rehearsal) -> str:
    """Return the rehearsal as an HTML page."""
    title = f"Rehearsal of {result.database}"
    made = f"Written by {program()} rehearse of {utc_time(result.started_at)} UTC. It has names and numbers, no rows."
    return page_parts.page(title, _body(result), made)


def _body(result: Rehearsal) -> Iterator[h.Node]:
    yield page_parts.verdict(verdict(result), good=result.holds)
    yield page_parts.section("To be corrected before the upgrade", page_parts.bullets(result.problems))
    yield page_parts.facts(_facts(result))
    yield page_parts.section("Timeline", *_timeline(result))
    yield page_parts.section("Rows changed by table", _changed(result), page_parts.bullets(_rewritten(result)))
    yield page_parts.section("Values after the upgrade", *_values(result))
    yield page_parts.section("The downgrade", *_way_back(result))
    yield page_parts.section("Rights of other roles", page_parts.bullets(result.rights))
    yield page_parts.section("How it was measured", h.p[METHOD])


def _facts(result: Rehearsal) -> Iterator[tuple[str, h.Node]]:
    yield "From", " and ".join(result.at) or "no revision"
    yield "To", f"{result.target}, {counted(result.pending, 'revision')}"
    yield "When", f"{utc_time(result.started_at)} UTC"
    kind = "a fresh dump" if result.source.fresh else f"the backup {result.source.name}"
    yield "The copy", f"{kind}, taken {utc_time(result.source.taken_at)} UTC ({result.source.why}), in {result.place}"
    yield "Rows", f"{result.rows:,}"
    yield "The original", f"{result.server}, PostgreSQL {result.server_version // 10_000}"
    if result.revisions:
        yield "Cost", growth(result)
    for each in (*result.notes, *result.replication, *([f"{result.lacking}."] if result.lacking else [])):
        yield "Note", each


def _timeline(result: Rehearsal) -> Iterator[h.Node]:
    rows = [_revision(ran) for ran in result.revisions]
    if result.failure is not None:
        failed = h.fragment[page_parts.outcome("failed"), h.p[result.failure.why]]
        rows.append((page_parts.named(result.failure.revision, None), "", failed))
    if not rows:
        return
    yield drawings.shared()
    yield h.ul(".key")[(h.li[drawings.key(kind), words] for kind, words in KEYS.items())]
    if result.revisions:
        whole = sum(each.seconds for each in result.revisions)
        yield h.p(".soft")[f"The whole upgrade, {measured(whole)}, one revision after the other:"]
        yield drawings.bars(_lanes(result.revisions), whole)
    yield page_parts.table(
        "Each bar below is as wide as its revision lasted. A lock is drawn for the longest time that it was held.",
        (Column("Revision", "name"), Column("Time", "number short"), Column("Who waits, and when", "picture")),
        rows,
    )


def _lanes(revisions: Sequence[RevisionRun], *, running: bool = True) -> list[list[Bar]]:
    """A lane for the revisions, and one for each kind of waiting that there is, on one clock."""
    lanes: dict[str, list[Bar]] = {kind: [] for kind in KEYS}
    begun = 0.0
    for ran in revisions:
        if running:
            lanes["run"].append(Bar(begun, ran.seconds, "run", f"{ran.revision}, {measured(ran.seconds)}"))
        for lock in (each for each in ran.locks if each.stalls):
            # what is held to the end of the revision is not drawn beyond it: two clocks have measured these
            at = begun + max(min(lock.at, ran.seconds - lock.seconds), 0)
            lanes[_kind(lock)].append(Bar(at, lock.seconds, _kind(lock), lock_text(lock)))
        begun += ran.seconds
    return [lane for lane in lanes.values() if lane]


def _revision(ran: RevisionRun) -> tuple[h.Node, ...]:
    lanes = _lanes([ran], running=False)
    picture = h.div[drawings.bars(lanes, ran.seconds) if lanes else None, page_parts.bullets(_waiting(ran))]
    return page_parts.named(ran.revision, ran.message), measured(ran.seconds), picture


def _waiting(ran: RevisionRun) -> Iterator[str]:
    """Yield a line for each kind of lock: who waits, on which tables, the longest first."""
    by_lock: defaultdict[tuple[str, str], list[HeldLock]] = defaultdict(list)
    for lock in sorted(ran.locks, key=lambda each: (-each.strength, -each.seconds)):
        if lock.stalls:
            by_lock[lock.stops, lock.mode].append(lock)
    for (stops, mode), locks in by_lock.items():
        tables = ", ".join(
            f"{each.table} {'about ' if each.sampled else ''}{measured(each.seconds)}" for each in locks
        )  # fmt: skip
        yield f"{stops[0].upper()}{stops[1:]} ({mode}): {tables}"
    if not by_lock:
        yield "Nobody waits."


def _kind(lock: HeldLock) -> str:
    return "all" if lock.mode == "ACCESS EXCLUSIVE" else "rows" if lock.rows else "writes"


def _changed(result: Rehearsal) -> h.Node:
    by_table: defaultdict[str, list[tuple[RevisionRun, ChangedRows]]] = defaultdict(list)
    for ran in result.revisions:
        for each in ran.changed:
            by_table[each.table].append((ran, each))
    sums = {name: sum(each.rows for _, each in found) for name, found in by_table.items()}
    most = max(sums.values(), default=0)
    return page_parts.table(
        "A row that is changed twice counts twice. The longest bar is the table with the most changes.",
        (Column("Table", "name"), Column("Inserted", "number"), Column("Updated", "number"),
         Column("Deleted", "number"), Column("Together, and in which revisions", "picture")),
        [
            (
                h.code[name],
                *(f"{sum(getattr(each, what) for _, each in by_table[name]):,}"
                  for what in ("inserted", "updated", "deleted")),
                h.div[drawings.bars([[Bar(0, sums[name], "run")]], most),
                      f"{counted_rows(sums[name])} in {', '.join(ran.revision for ran, _ in by_table[name])}"],
            )
            for name in sorted(sums, key=lambda name: (-sums[name], name))
        ],
    )  # fmt: skip


def counted_rows(number: int) -> str:
    """Return a number of rows in words: 1 row, 1,234 rows."""
    return f"{number:,} {'row' if number == 1 else 'rows'}"


def _rewritten(result: Rehearsal) -> Iterator[str]:
    for ran in result.revisions:
        for each in ran.rewritten:
            yield f"{ran.revision} rewrites table {each.table}, about {counted_rows(each.rows)}."


def _values(result: Rehearsal) -> Iterator[h.Node]:
    if not result.values:
        yield h.p["Every row and every value that was there is as it was."]
        return
    yield h.p["What differs from before; a table that is not named is as it was."]
    yield page_parts.table(
        "Values of rows that are still there.",
        (Column("Column", "name"), Column("Type before"), Column("Type after"), Column("Filled", "number"),
         Column("Now NULL", "number"), Column("Changed", "number")),
        [
            (h.code[f"{table.name}.{each.name}"], each.was, each.became, f"{each.filled:,}", f"{each.emptied:,}",
             f"{each.changed:,}")
            for table in result.values for each in table.columns
        ],
    )  # fmt: skip
    yield page_parts.bullets(sentence for table in result.values for sentence in table_sentences(table))


def _way_back(result: Rehearsal) -> Iterator[h.Node]:
    downgrade = result.way_back
    if downgrade is None:
        yield h.p["The downgrade was not tried."]
        return
    if downgrade.failure is not None:
        word = "refuses on purpose" if downgrade.failure.meant else "failed"
        why = downgrade.failure.why
        yield h.p[f"After {measured(downgrade.seconds)} revision {downgrade.failure.revision} {word}: {why}"]
        return
    again = f", up again {measured(downgrade.again)}" if downgrade.again is not None else ""
    yield h.p[f"Down took {measured(downgrade.seconds)}{again}."]
    if downgrade.again_failure is not None:
        yield h.p[f"Up again failed in {downgrade.again_failure.revision}: {downgrade.again_failure.why}"]
    if downgrade.lost:
        yield h.p[h.strong["Going down does not bring back:"]]
        yield page_parts.bullets(downgrade.lost)
    else:
        yield h.p["Going down brings every value back."]
    if downgrade.filled:
        yield h.p[f"{downgrade.filled:,} values that were NULL before the upgrade keep what it filled in."]
    if downgrade.again_differs:
        yield h.p["After the second way up these have other values than after the first (times of the day, new keys):"]
        yield page_parts.bullets(downgrade.again_differs)
