"""`surefoot status`: how the database stands."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy.engine import URL

from surefoot import database
from surefoot.cli import history
from surefoot.cli.context import print_json, project
from surefoot.cli.options import AsJson, DatabaseUrl
from surefoot.errors import CheckFailed
from surefoot.operate.status.collect import State, Status, status
from surefoot.operate.status.revision_history import history as chapters
from surefoot.operate.status.revision_list import PendingRevision
from surefoot.program import program
from surefoot.wording import counted, duration, paragraph, utc_time

INDENT = " " * 10
SHOWN = 20
"""How many deviations are printed; --json has all."""


def _remedies() -> dict[State, tuple[str, str]]:
    ours = f"python -m {program()}"
    return {
        State.BEHIND: ("The database is behind", f"{ours} rehearse tries it on a copy; upgrade does it."),
        State.EMPTY: ("The database is empty", "python -m alembic upgrade head builds it."),
        State.UNVERSIONED: ("The database has tables and no revision", f"Back up, then {ours} adopt."),
        State.UNKNOWN: (
            "The database is at a revision that no file has",
            f"Install the version of {program()} that has it; {ours} identify tells which revision it equals.",
        ),
    }


def show_status(
    tables: Annotated[bool, typer.Option("--tables", help="List the tables and their columns as well.")] = False,
    runs: Annotated[bool, typer.Option("--history", help="List the revisions and their runs as well.")] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show revision, head, what is pending, drift, who migrates now, health and the last backup.

    Example: surefoot status --json

    Exit status 1 where something is pending or the database is not what its revision makes. Nothing is changed.
    """
    settings, url = project(database_url)
    found = status(settings, url)
    if as_json:
        told = _json(found, url) | ({"tables": _tables_json(found)} if tables else {})
        if runs:
            told["history"] = [asdict(each) for each in chapters(settings, url)]
        print_json(told)
    else:
        lines = [*_text(found, url), *(_tables(found) if tables else [])]
        if runs:
            lines += ["", *(line for chapter in chapters(settings, url) for line in history.lines(chapter))]
        typer.echo("\n".join(lines))
    if not found.is_current:
        raise _fault(found)


def _text(found: Status, url: URL) -> Iterator[str]:
    yield _row("Database", f"{database.describe(url)}, PostgreSQL {found.server}")
    messages = found.revisions.messages
    for one in found.revision or ("none",):
        yield _row("Revision", f"{one}  {messages.get(one, 'no file has it' if found.revision else '')}".rstrip())
    for one in found.revisions.heads:
        yield _row("Head", f"{one}  {messages[one]}")
    if found.state is not State.UNKNOWN:
        yield _row("Pending", counted(len(found.pending), "revision") if found.pending else "nothing")
        for each in found.pending:
            yield from _pending(each)
    if found.rehearsal is not None:
        yield _row("Rehearsal", found.rehearsal)
    if found.cut_off is not None:
        yield _row("Half done", found.cut_off.sentence)
    yield from _drift(found)
    yield _row("Migrating", found.migrating or "nobody")
    yield _row("Health", f"{counted(len(found.health), 'thing')} to look at" if found.health else "nothing found")
    for finding in found.health:
        yield paragraph(finding.what, "  ", "    ")
        yield paragraph(f"→ {finding.remedy}", "    ", "      ")
    if found.backup is None:
        yield _row("Backup", "none found")
    else:
        at = f", at {found.backup.revision}" if found.backup.revision else ""
        age = duration(found.backup.age)
        yield _row("Backup", f"{utc_time(found.backup.finished_at)} UTC, {age} old{at}, in {found.backup.path}")
        if found.backup.not_proven:
            yield paragraph(f"not proven: {found.backup.not_proven}", INDENT, INDENT)


def _pending(each: PendingRevision) -> Iterator[str]:
    yield paragraph(f"{each.revision}  {each.message}", "  ", "    ")
    if each.why:
        yield paragraph(each.why, "      ", "      ")
    how = "online: in steps that stop nobody" if each.online else "in one transaction"
    took = f"; took {duration(each.took)} when it ran here before" if each.took is not None else ""
    rehearsed = each.rehearsed
    there = f"; took {duration(rehearsed.seconds)} in the rehearsal of {rehearsed.on}" if rehearsed else ""
    yield paragraph(f"{how}{took}{there}", "      ", "      ")


def _drift(found: Status) -> Iterator[str]:
    deviations = found.drift.difference.deviations
    if found.cut_off is not None:
        what = f"revision {found.cut_off.revision} is half done; --json has what differs meanwhile"
        yield _row("Drift", f"not judged: {what}" if deviations else "none")
        return
    if found.drift.not_compared:
        yield _row("Drift", f"could not be looked at: {found.drift.not_compared}")
    elif deviations:
        yield _row("Drift", f"{counted(len(deviations), 'deviation')} from revision {found.revision[0]}")
        for deviation in deviations[:SHOWN]:
            yield paragraph(str(deviation), "  ", "    ")
        if len(deviations) > SHOWN:
            yield f"  and {len(deviations) - SHOWN} more: --json has all"
    elif len(found.revision) == 1 and found.state is not State.UNKNOWN:
        yield _row("Drift", "none: the database is what its revision makes")
    else:
        yield _row("Drift", "not looked at: it is at no single known revision")


def _tables(found: Status) -> Iterator[str]:
    for table in found.catalogue.tables if found.catalogue else ():
        yield ""
        yield f"{table.name}"
        width = max((len(column.name) for column in table.columns), default=0)
        for column in table.columns:
            yield paragraph(f"{column.name:<{width}}  {column.summary}", "  ", " " * (width + 4))


def _tables_json(found: Status) -> dict[str, dict[str, str]]:
    tables = found.catalogue.tables if found.catalogue else ()
    return {table.name: {column.name: column.summary for column in table.columns} for table in tables}


def _row(label: str, text: str) -> str:
    return paragraph(text, f"{label:<10}", INDENT)


def _fault(found: Status) -> CheckFailed:
    if found.cut_off is not None:
        return CheckFailed(found.cut_off.message, found.cut_off.remedy)
    if found.state is not State.CURRENT:
        message, remedy = _remedies()[found.state]
        if found.hidden is not None:
            return CheckFailed(f"{message}. {found.hidden.message}", f"{found.hidden.remedy} Then: {remedy}")
        drifted = ", and is not what its revision makes" if found.drift.difference else ""
        if drifted:
            remedy = f"python -m {program()} identify first: an upgrade builds on what the database is. Then: {remedy}"
        return CheckFailed(f"{message}{drifted}.", remedy)
    if found.hidden is not None:
        return CheckFailed(
            f"The database has drifted from revision {found.revision[0]}. {found.hidden.message}", found.hidden.remedy
        )
    return CheckFailed(
        f"The database has drifted from revision {found.revision[0]}.",
        f"python -m {program()} adopt {found.revision[0]} --repair repair.sql writes what makes up for it.",
    )


def _json(found: Status, url: URL) -> dict[str, object]:
    return {
        "database": database.describe(url),
        "server": found.server,
        "state": found.state.value,
        "revision": found.revision,
        "heads": found.revisions.heads,
        "pending": [asdict(each) for each in found.pending],
        "drift": {
            "looked": found.drift.not_compared is None and len(found.revision) == 1 and not found.revisions.unknown,
            "unseen": found.drift.not_compared,
            "deviations": found.drift.difference.as_json(),
        },
        "rehearsal": found.rehearsal,
        "unfinished": found.cut_off.as_json() if found.cut_off else None,
        "migrating": found.migrating,
        "health": [asdict(each) for each in found.health],
        "backup": asdict(found.backup) | {"age": found.backup.age} if found.backup else None,
    }
