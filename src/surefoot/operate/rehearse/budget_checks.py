"""What a rehearsal measured, against the budget: each limit that a revision, or all of them, exceeds."""

from collections.abc import Iterator, Mapping, Sequence

from surefoot import budgets
from surefoot.budgets import Budget
from surefoot.operate.rehearse.rehearsal_result import HeldLock, RevisionRun
from surefoot.program import variable
from surefoot.wording import measured

Raises = Mapping[str, list[budgets.Raise]]
"""By revision, what its file asks for."""


def exceeded(budget: Budget, ran: Sequence[RevisionRun], raises: Raises) -> Iterator[str]:
    """Yield a sentence for each limit that is exceeded, and for each revision that asks for more without a reason."""
    for each in ran:
        asked = raises.get(each.revision, [])
        own = budget
        for one in asked:
            if one.limits and one.reason:
                own = own.raised(one.limits)
            else:
                yield (
                    f"Revision {each.revision} asks for another budget "
                    + ("and gives no reason" if one.limits else f"in words that name no limit ({one.reason})")
                    + ": # budget: readers=3 and why it does no harm here"
                )
        yield from _of_revision(own, each)
    yield from _whole_time(budget, ran, raises)


def lost(budget: Budget, ran: Sequence[RevisionRun], raises: Raises, count: int) -> Iterator[str]:
    """Yield a sentence where the way back leaves out more than the budget, raised by each revision, allows."""
    asked = [one.limits["lost"] for each in ran for one in raises.get(each.revision, []) if "lost" in one.limits]
    if budget.lost is None or None in asked:
        return
    allowed = budget.lost + sum(each for each in asked if each is not None)
    if count > allowed:
        yield f"The downgrade leaves out {count:,} rows and values; {allowed:,.0f} are allowed{_remedy('lost', count)}"


def _of_revision(budget: Budget, ran: RevisionRun) -> Iterator[str]:
    for name, waits, limit in (("readers", "read", budget.readers), ("writers", "write", budget.writers)):
        worst = max((each for each in ran.locks if _stops(each, name)), key=lambda each: each.seconds, default=None)
        if worst is not None and limit is not None and worst.seconds > limit:
            yield (
                f"In revision {ran.revision} nobody can {waits} {worst.table} for {measured(worst.seconds)} "
                f"({worst.mode}); {measured(limit)} are allowed{_remedy(name, worst.seconds)}"
            )
    rows = sum(each.rows for each in ran.rewritten)
    if budget.rewritten is not None and rows > budget.rewritten:
        tables = ", ".join(each.table for each in ran.rewritten)
        yield (
            f"Revision {ran.revision} rewrites {tables} with about {rows:,} rows; {budget.rewritten:,.0f} are allowed"
            f"{_remedy('rewritten', rows)}"
        )


def _whole_time(budget: Budget, ran: Sequence[RevisionRun], raises: Raises) -> Iterator[str]:
    """Compare the time of all; a revision that asks for seconds of its own is compared with those instead."""
    if budget.seconds is None:
        return
    together = 0.0
    for each in ran:
        own = [one.limits["seconds"] for one in raises.get(each.revision, []) if "seconds" in one.limits and one.reason]
        if not own:
            together += each.seconds
        elif None not in own and each.seconds > (limit := max(one for one in own if one is not None)):
            yield (
                f"Revision {each.revision} takes {measured(each.seconds)}; {measured(limit)} are what it asks for"
                f"{_remedy('seconds', each.seconds)}"
            )
    if together > budget.seconds:
        yield (
            f"The upgrade takes {measured(together)}; {measured(budget.seconds)} are allowed"
            f"{_remedy('seconds', together)}"
        )


def _stops(lock: HeldLock, name: str) -> bool:
    return lock.stops == "reads and writes wait" or (name == "writers" and lock.stalls)


def _remedy(name: str, value: float) -> str:
    return (
        f": split the revision, or let its file say # budget: {name}={_rounded_up(value)} and why; "
        f"{variable('BUDGET')} is for all"
    )


def _rounded_up(value: float) -> str:
    return f"{value * 1.5:.0f}" if value >= 2 else f"{value * 1.5:.1f}"  # below it a digit counts
