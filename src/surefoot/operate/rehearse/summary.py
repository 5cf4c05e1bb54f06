"""Sums a rehearsal up in one sentence for the operator."""

from collections.abc import Iterator

from surefoot.operate.rehearse.rehearsal_result import HeldLock, Rehearsal
from surefoot.operate.rehearse.value_hashes import TableDifference
from surefoot.wording import measured, size


def verdict(result: Rehearsal) -> str:
    """Return in words what the upgrade will cost, or why it should not be done yet."""
    if result.failure is not None:
        return (
            f"Do not upgrade yet: revision {result.failure.revision} failed on the copy, after "
            f"{len(result.revisions)} of {result.pending}. The real database was not touched."
        )
    takes = f"The upgrade takes about {measured(result.cost.seconds)}; {_waiting(result)}."
    if result.problems:
        count = len(result.problems)
        return f"Do not upgrade yet: {count} thing{'s' if count > 1 else ''} to look at. {takes}"
    return f"{takes} {_downgrade(result)}"


def lock_text(lock: HeldLock) -> str:
    """Return a lock in words: `SHARE on users, 12 ms`."""
    about = "about " if lock.sampled else ""
    return f"{lock.mode} on {lock.table}, {about}{measured(lock.seconds)}"


def growth(result: Rehearsal) -> str:
    """Return in words how much disk space, WAL and row changes the upgrade costs."""
    cost = result.cost
    grows, most = size(cost.size_after - cost.size_before), size(cost.size_peak - cost.size_before)
    return (
        f"The database grows by {grows}, at most by {most} between two revisions; the server writes {size(cost.wal)} "
        f"of WAL, what others wrote meanwhile included; {cost.rows:,} rows are changed, {cost.rows_rewritten:,} are "
        "rewritten with their tables."
    )


def table_sentences(table: TableDifference) -> Iterator[str]:
    """Yield in words which rows and columns of a table are not there any more or are new."""
    if not table.there:
        yield f"{table.name}: the table is set aside or dropped, with {table.rows:,} rows."
    elif table.gone or table.new:
        became = f"{table.gone:,} are not there any more, {table.new:,} are new"
        yield f"{table.name}: of {table.rows:,} rows {became}."
    if table.absent:
        yield f"{table.name}: set aside or dropped: {', '.join(table.absent)}."


def _waiting(result: Rehearsal) -> str:
    if result.worst is None:
        return "nobody waits"
    ran, lock = result.worst
    what = f"rows of {lock.table}" if lock.rows else f"{lock.mode} on {lock.table}"
    return f"nobody waits longer than {measured(lock.seconds)} ({what} in {ran.revision})"


def _downgrade(result: Rehearsal) -> str:
    downgrade = result.way_back
    if downgrade is None:
        return "The downgrade was not tried."
    if downgrade.failure is not None:
        return f"Revision {downgrade.failure.revision} says itself that it has no downgrade."
    if downgrade.lost:
        return f"The downgrade takes {measured(downgrade.seconds)} and does not bring everything back."
    return f"The downgrade takes {measured(downgrade.seconds)} and brings every value back."
