"""The one sentence for the operator at two in the morning."""

from surefoot.operate.rehearse.rehearsal_result import HeldLock, Rehearsal
from surefoot.wording import measured, size


def verdict(found: Rehearsal) -> str:
    """What the upgrade will cost, or why it should wait."""
    if found.failure is not None:
        return (
            f"Do not upgrade yet: revision {found.failure.revision} failed on the copy, after "
            f"{len(found.revisions)} of {found.pending}. The real database was not touched."
        )
    takes = f"The upgrade takes about {measured(found.cost.seconds)}; {_waiting(found)}."
    if found.problems:
        count = len(found.problems)
        return f"Do not upgrade yet: {count} thing{'s' if count > 1 else ''} to look at. {takes}"
    return f"{takes} {_way_back(found)}"


def held(lock: HeldLock) -> str:
    """A lock in words: `SHARE on users, 12 ms`."""
    about = "about " if lock.sampled else ""
    return f"{lock.mode} on {lock.table}, {about}{measured(lock.seconds)}"


def growth(found: Rehearsal) -> str:
    """What the disk will see."""
    cost = found.cost
    grows, most = size(cost.size_after - cost.size_before), size(cost.size_peak - cost.size_before)
    return (
        f"The database grows by {grows}, at most by {most} between two revisions; the server writes {size(cost.wal)} "
        f"of WAL, what others wrote meanwhile included; {cost.rows:,} rows are changed, {cost.rows_rewritten:,} are "
        "rewritten with their tables."
    )


def _waiting(found: Rehearsal) -> str:
    if found.worst is None:
        return "nobody waits"
    ran, lock = found.worst
    what = f"rows of {lock.table}" if lock.rows else f"{lock.mode} on {lock.table}"
    return f"nobody waits longer than {measured(lock.seconds)} ({what} in {ran.revision})"


def _way_back(found: Rehearsal) -> str:
    back = found.way_back
    if back is None:
        return "The way back was not tried."
    if back.failure is not None:
        return f"There is no way back past {back.failure.revision}, by its own word."
    if back.lost:
        return f"The way back takes {measured(back.seconds)} and does not bring everything back."
    return f"The way back takes {measured(back.seconds)} and brings every value back."
