"""What `surefoot status` lists on request: the pending revisions, what is retired, the tables."""

from collections.abc import Iterator

from surefoot.operate.retired_items import KeptItem
from surefoot.operate.status.collect import Status
from surefoot.operate.status.revision_list import PendingRevision
from surefoot.program import program
from surefoot.wording import duration, paragraph


def pending_lines(result: Status) -> Iterator[str]:
    """Yield the lines of each pending revision, oldest first: why it is there, how it runs and how long it took."""
    yield ""
    yield "Pending revisions, in the order in which they are applied:" if result.pending else "No revision is pending."
    for each in result.pending:
        yield from _pending(each)


def retired_lines(result: Status) -> Iterator[str]:
    """Yield a line for each thing that revisions have retired, those with rows first, with what may be done."""
    yield ""
    if not result.retired:
        yield "Nothing is retired."
    for title, several in (
        ("Retired, with rows:", [each for each in result.retired if each.holds_rows]),
        ("Retired, without rows:", [each for each in result.retired if not each.holds_rows]),
    ):
        if several:
            yield title
        for each in several:
            yield from _retired(each)
    if result.retired:
        rest = "What is listed without advice" if any(map(_has_advice, result.retired)) else "All of it"
        yield paragraph(f"{rest} may stay. python -m {program()} purge deletes what nobody will want back.")


def table_lines(result: Status) -> Iterator[str]:
    """Yield a line for each table and each of its columns."""
    for table in result.catalogue.tables if result.catalogue else ():
        yield ""
        yield f"{table.name}"
        width = max((len(column.name) for column in table.columns), default=0)
        for column in table.columns:
            yield paragraph(f"{column.name:<{width}}  {column.summary}", "  ", " " * (width + 4))


def _pending(each: PendingRevision) -> Iterator[str]:
    yield paragraph(f"{each.revision}  {each.message}", "  ", "    ")
    if each.why:
        yield paragraph(each.why, "      ", "      ")
    how = "online: in steps that stop nobody" if each.online else "in one transaction"
    before = f"; took {duration(each.took)} when it ran here before" if each.took is not None else ""
    rehearsed = each.rehearsed
    in_rehearsal = f"; took {duration(rehearsed.seconds)} in the rehearsal of {rehearsed.on}" if rehearsed else ""
    yield paragraph(f"{how}{before}{in_rehearsal}", "      ", "      ")


def _retired(each: KeptItem) -> Iterator[str]:
    yield paragraph(f"{each}, to be read in {each.relation}" if each.relation else str(each), "  ", "    ")
    if _has_advice(each):
        yield paragraph(f"→ {each.advice}", "    ", "      ")


def _has_advice(each: KeptItem) -> bool:
    return each.still_needed or each.irrecoverable
