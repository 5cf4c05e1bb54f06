"""`surefoot rehearse`: the upgrade on a copy of the real data, and what it will cost."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from surefoot.cli.context import print_json, project
from surefoot.cli.options import AsJson, DatabaseUrl
from surefoot.cli.progress import telling
from surefoot.errors import CheckFailed, FailedError
from surefoot.operate.rehearse import saved_reports
from surefoot.operate.rehearse.copy_source import RehearsalOptions
from surefoot.operate.rehearse.rehearsal import rehearse
from surefoot.operate.rehearse.rehearsal_report import as_object, markdown
from surefoot.operate.rehearse.rehearsal_result import DowngradeResult, HeldLock, Rehearsal
from surefoot.operate.rehearse.summary import growth, lock_text, verdict
from surefoot.settings import Settings
from surefoot.wording import WIDTH, duration, measured, paragraph

NOTICED = 0.1
"""Seconds from which a wait is listed by itself; the report has all."""
SHOWN = 20
"""How many lines of each list are printed; the report has all."""


def rehearse_upgrade(  # noqa: PLR0913, PLR0917  # an argument for each option
    target: Annotated[str, typer.Argument(help="How far: head, or a revision.")] = "head",
    fresh: Annotated[bool, typer.Option("--fresh", help="Dump the database anew, whatever backups there are.")] = False,
    backup: Annotated[str | None, typer.Option("--backup", metavar="NAME", help="From this backup.")] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="FILE.md", help="Where to put the report.")] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Run the pending revisions on a copy of the real data and say what the upgrade will cost.

    Example: surefoot rehearse --fresh

    Up, down and up again: each revision with its time, locks and rows; every value compared. The real database is only
    read. Exit status 1 where something speaks against the upgrade.
    """
    settings, url = project(database_url)
    with telling() as say, _ended_as_by_hand():
        found = rehearse(settings, url, RehearsalOptions(target, backup, fresh), say=say)
    if found is None:
        what = f"Nothing to rehearse: no revision is pending up to {target}."
        print_json({"revisions": [], "holds": True, "verdict": what}) if as_json else typer.echo(what)
        return
    if as_json:
        print_json(as_object(found))
    else:
        _show(found)
    _keep(settings, found, report)
    if found.problems:
        raise _fault(found)


@contextmanager
def _ended_as_by_hand() -> Iterator[None]:
    """Let `kill` do what Ctrl-C does: the copy, which holds every pupil's record, is dropped on the way out."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(found: Rehearsal) -> None:
    old = duration(max((found.started_at - found.source.taken_at).total_seconds(), 0))
    name = f"a fresh dump ({found.source.why})" if found.source.fresh else f"the backup {found.source.name}, {old} old"
    at = " and ".join(found.at) or "no revision"
    typer.echo(paragraph(f"{found.database} from {at} to {found.target}: {found.rows:,} rows of {name}, "
                         f"in {found.place}."))  # fmt: skip
    Console(width=WIDTH, highlight=False).print(_table(found))
    lines = [
        f"{ran.revision}: {lock_text(lock)}: {lock.stops}"
        for ran in found.revisions
        for lock in ran.locks
        if lock.stalls and lock.seconds >= NOTICED
    ]
    _list("Who would wait, and how long:", lines)
    rewritten = [
        f"{each.table}, about {each.rows:,} rows, in {ran.revision}"
        for ran in found.revisions
        for each in ran.rewritten
    ]
    _list("Rewritten, row by row:", rewritten)
    back = found.way_back
    if back is not None:
        _list("Going down does not bring back:", list(back.lost))
        typer.echo(paragraph(_back(back)))
    if found.revisions:
        typer.echo(paragraph(growth(found)))
    _list("Of the copy:", list(found.notes))
    _list("Rights of other roles:", list(found.rights))
    if found.lacking:
        typer.echo(paragraph(f"{found.lacking}."))
    _list("To look at before the upgrade:", list(found.problems))
    typer.echo("")
    typer.echo(paragraph(verdict(found)))


def _table(found: Rehearsal) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("revision", no_wrap=True, min_width=12, max_width=16, overflow="ellipsis")
    table.add_column("time", justify="right", no_wrap=True, min_width=7)
    table.add_column("rows", justify="right", no_wrap=True, min_width=6)
    table.add_column("wait", justify="right", no_wrap=True, min_width=7)
    table.add_column("who waits", no_wrap=True, overflow="ellipsis", max_width=32)
    for ran in found.revisions:
        worst = ran.worst
        who = f"{_who(worst)} of {worst.table}" if worst else ""
        wait = measured(worst.seconds) if worst else ""
        table.add_row(ran.revision, measured(ran.seconds), f"{ran.rows:,}" if ran.rows else "", wait, who)
    if found.failure is not None:
        table.add_row(found.failure.revision, "failed", "", "", "")
    return table


def _who(lock: HeldLock) -> str:
    return "all" if lock.mode == "ACCESS EXCLUSIVE" else "rows" if lock.rows else "writers"


def _back(back: DowngradeResult) -> str:
    if back.failure is not None:
        word = "refuses on purpose" if back.failure.meant else "failed"
        return f"The way down of {back.failure.revision} {word}: {back.failure.why}"
    again = f"; up again {measured(back.again)}" if back.again is not None else ""
    filled = f" {back.filled:,} values that were NULL keep what the upgrade filled in." if back.filled else ""
    return f"Down in {measured(back.seconds)}{again}.{filled}"


def _list(heading: str, lines: list[str]) -> None:
    if not lines:
        return
    typer.echo(heading)
    for line in lines[:SHOWN]:
        typer.echo(paragraph(line, "  ", "    "))
    if len(lines) > SHOWN:
        typer.echo(f"  and {len(lines) - SHOWN} more: the report has all")


def _keep(settings: Settings, found: Rehearsal, report: Path | None) -> None:
    """The report, and its values for `status`; a folder that cannot be written to costs no rehearsal."""
    file = saved_reports.path(settings, found.database, found.started_at)
    chosen = report.absolute() if report is not None else file.with_name(f"{file.name}.md")
    try:
        saved_reports.write(
            file.with_name(f"{file.name}.json"), json.dumps(as_object(found), indent=1, default=str) + "\n"
        )
        saved_reports.write(chosen, markdown(found))
    except FailedError as fault:
        if report is not None:
            raise
        typer.echo(f"! {fault.message}", err=True)
        return
    typer.echo(f"Report: {chosen}", err=True)


def _fault(found: Rehearsal) -> CheckFailed:
    if found.failure is not None:
        why = found.failure.why.rstrip(".")
        return CheckFailed(
            f"Revision {found.failure.revision} failed on the copy, and the real database was not touched: {why}.",
            "Mend the revision, or the data it names, and rehearse again.",
        )
    return CheckFailed(
        f"The upgrade ran on the copy, but not all is as it should be: {found.problems[0].rstrip('.')}"
        + (f", and {len(found.problems) - 1} more." if len(found.problems) > 1 else "."),
        "Look at each line of the report before you upgrade; the real database was not touched.",
    )
