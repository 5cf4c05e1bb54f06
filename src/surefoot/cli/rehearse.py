"""`surefoot rehearse`: runs the upgrade on a copy of the real data, prints its cost, saves the report."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from surefoot.cli.context import print_json, settings_and_url, versioned
from surefoot.cli.options import AsJson, AsPage, DatabaseUrl
from surefoot.errors import CheckFailed, FailedError
from surefoot.operate.rehearse import saved_reports
from surefoot.operate.rehearse.copy_source import RehearsalOptions
from surefoot.operate.rehearse.rehearsal import rehearse
from surefoot.operate.rehearse.rehearsal_report import as_object, markdown
from surefoot.operate.rehearse.rehearsal_result import DowngradeResult, HeldLock, Rehearsal
from surefoot.operate.rehearse.summary import growth, lock_text, verdict
from surefoot.pages import page_file
from surefoot.progress import command_steps
from surefoot.settings import Settings
from surefoot.wording import WIDTH, duration, measured, paragraph

LISTED_FROM = 0.1
"""Seconds from which a lock is listed by itself; the report has all."""
MOST_LISTED = 20
"""The number of lines of each list that are printed; the report has all."""


def rehearse_upgrade(  # noqa: PLR0913, PLR0917  # an argument for each option
    target: Annotated[str, typer.Argument(help="How far: head, or a revision.")] = "head",
    fresh: Annotated[bool, typer.Option("--fresh", help="Dump the database anew, whatever backups there are.")] = False,
    backup: Annotated[str | None, typer.Option("--backup", metavar="NAME", help="From this backup.")] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="FILE.md", help="Where to put the report.")] = None,
    html: AsPage = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Run the pending revisions on a copy of the real data and say what the upgrade will cost.

    Example: surefoot rehearse --fresh --html rehearsal.html

    Up, down and up again: each revision with its time, locks and rows; every value compared. The real database is only
    read. Exit status 1 where something speaks against the upgrade.
    """
    if html is not None:
        page_file.check(html)
    settings, url = settings_and_url(database_url)
    with command_steps() as say, _sigterm_as_interrupt():
        result = rehearse(settings, url, RehearsalOptions(target, backup, fresh), say=say)
    if result is None:
        what = f"Nothing to rehearse: no revision is pending up to {target}."
        print_json({"revisions": [], "holds": True, "verdict": what}) if as_json else typer.echo(what)
        return
    if as_json:
        print_json(as_object(result))
    else:
        _show(result)
    _save_report(settings, result, report)
    if html is not None:
        from surefoot.pages import rehearsal_page  # noqa: PLC0415  # only a page needs what draws it

        page_file.write(html, rehearsal_page.page(result))
    if result.problems:
        raise _failure(result)


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Turn SIGTERM into KeyboardInterrupt, so that the copy of the real data is dropped when the command is killed."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(result: Rehearsal) -> None:
    old = duration(max((result.started_at - result.source.taken_at).total_seconds(), 0))
    name = (
        f"a fresh dump ({result.source.why})" if result.source.fresh else f"the backup {result.source.name}, {old} old"
    )
    at = " and ".join(result.at) or "no revision"
    typer.echo(paragraph(f"{result.database} from {at} to {result.target}: {result.rows:,} rows of {name}, "
                         f"in {result.place}."))  # fmt: skip
    Console(width=WIDTH, highlight=False).print(_table(result))
    lines = [
        f"{ran.revision}: {lock_text(lock)}: {lock.stops}"
        for ran in result.revisions
        for lock in ran.locks
        if lock.stalls and lock.seconds >= LISTED_FROM
    ]
    _list("Who would wait, and how long:", lines)
    rewritten = [
        f"{each.table}, about {each.rows:,} rows, in {ran.revision}"
        for ran in result.revisions
        for each in ran.rewritten
    ]
    _list("Rewritten, row by row:", rewritten)
    downgrade = result.way_back
    if downgrade is not None:
        _list("Going down does not bring back:", list(downgrade.lost))
        typer.echo(paragraph(_downgrade_sentence(downgrade)))
    if result.revisions:
        typer.echo(paragraph(growth(result)))
    _list("Of the copy:", list(result.notes))
    _list("Rights of other roles:", list(result.rights))
    _list("Who follows this server:", list(result.replication))
    if result.lacking:
        typer.echo(paragraph(f"{result.lacking}."))
    _list("To be corrected before the upgrade:", list(result.problems))
    typer.echo("")
    typer.echo(paragraph(verdict(result)))


def _table(result: Rehearsal) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("revision", no_wrap=True, min_width=12, max_width=16, overflow="ellipsis")
    table.add_column("time", justify="right", no_wrap=True, min_width=7)
    table.add_column("rows", justify="right", no_wrap=True, min_width=6)
    table.add_column("wait", justify="right", no_wrap=True, min_width=7)
    table.add_column("who waits", no_wrap=True, overflow="ellipsis", max_width=32)
    for ran in result.revisions:
        worst = ran.worst
        who = f"{_who_waits(worst)} of {worst.table}" if worst else ""
        wait = measured(worst.seconds) if worst else ""
        table.add_row(ran.revision, measured(ran.seconds), f"{ran.rows:,}" if ran.rows else "", wait, who)
    if result.failure is not None:
        table.add_row(result.failure.revision, "failed", "", "", "")
    return table


def _who_waits(lock: HeldLock) -> str:
    return "all" if lock.mode == "ACCESS EXCLUSIVE" else "rows" if lock.rows else "writers"


def _downgrade_sentence(downgrade: DowngradeResult) -> str:
    if downgrade.failure is not None:
        word = "refuses on purpose" if downgrade.failure.meant else "failed"
        return f"The way down of {downgrade.failure.revision} {word}: {downgrade.failure.why}"
    again = f"; up again {measured(downgrade.again)}" if downgrade.again is not None else ""
    filled = f" {downgrade.filled:,} values that were NULL keep what the upgrade filled in." if downgrade.filled else ""
    return f"Down in {measured(downgrade.seconds)}{again}.{filled}"


def _list(heading: str, lines: list[str]) -> None:
    if not lines:
        return
    typer.echo(heading)
    for line in lines[:MOST_LISTED]:
        typer.echo(paragraph(line, "  ", "    "))
    if len(lines) > MOST_LISTED:
        typer.echo(f"  and {len(lines) - MOST_LISTED} more: the report has all")


def _save_report(settings: Settings, result: Rehearsal, report: Path | None) -> None:
    """Write the report as Markdown, and as JSON for `status`.

    Raises FailedError where the file of --report cannot be written; for the folder of all reports it only warns.
    """
    file = saved_reports.path(settings, result.database, result.started_at)
    chosen = report.absolute() if report is not None else file.with_name(f"{file.name}.md")
    try:
        saved_reports.write(
            file.with_name(f"{file.name}.json"), json.dumps(versioned(as_object(result)), indent=1, default=str) + "\n"
        )
        saved_reports.write(chosen, markdown(result))
    except FailedError as fault:
        if report is not None:
            raise
        typer.echo(f"! {fault.message}", err=True)
        return
    typer.echo(f"Report: {chosen}", err=True)


def _failure(result: Rehearsal) -> CheckFailed:
    if result.failure is not None:
        why = result.failure.why.rstrip(".")
        return CheckFailed(
            f"Revision {result.failure.revision} failed on the copy, and the real database was not touched: {why}.",
            "Correct the rows that it names, or the revision, and rehearse again.",
        )
    return CheckFailed(
        f"The upgrade ran on the copy, but not all is as it should be: {result.problems[0].rstrip('.')}"
        + (f", and {len(result.problems) - 1} more." if len(result.problems) > 1 else "."),
        "Look at each line of the report before you upgrade; the real database was not touched.",
    )
