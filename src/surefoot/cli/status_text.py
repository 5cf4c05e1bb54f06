"""The state of a database as `surefoot status` prints it, as text and as JSON."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict

from sqlalchemy.engine import URL

from surefoot import database
from surefoot.errors import CheckFailed
from surefoot.operate.status.collect import State, Status
from surefoot.operate.status.revision_list import PendingRevision
from surefoot.program import alembic_command, program
from surefoot.runtime import work_queue
from surefoot.wording import counted, duration, paragraph, utc_time

INDENT = " " * 10
MOST_NAMED = 3
"""The number of things of the operator's own that are named of each kind; --json has all."""
DONE_LATELY = dt.timedelta(days=7)
"""For so long what is done is shown among what is left to do; --json has it for good."""
MOST_LISTED = 20
"""The number of differences that are printed; --json has all."""


def _remedies() -> dict[State, tuple[str, str]]:
    ours = f"python -m {program()}"
    return {
        State.BEHIND: ("The database is behind", f"{ours} rehearse tries it on a copy; upgrade does it."),
        State.EMPTY: ("The database is empty", f"{alembic_command()} upgrade head builds it."),
        State.UNVERSIONED: ("The database has tables and no revision", f"Back up, then {ours} adopt."),
        State.UNKNOWN: (
            "The database is at a revision that no file has",
            f"Install the version of {program()} that has it; {ours} identify tells which revision it equals.",
        ),
    }


def as_text(result: Status, url: URL) -> Iterator[str]:
    """Yield the lines of the state of the database of `url`."""
    yield _row("Database", f"{database.describe(url)}, PostgreSQL {result.server}")
    messages = result.revisions.messages
    for one in result.revision or ("none",):
        yield _row("Revision", f"{one}  {messages.get(one, 'no file has it' if result.revision else '')}".rstrip())
    for one in result.revisions.heads:
        yield _row("Head", f"{one}  {messages[one]}")
    yield from _newer(result)
    if result.state not in {State.UNKNOWN, State.NEWER}:
        yield _row("Pending", counted(len(result.pending), "revision") if result.pending else "nothing")
        for each in result.pending:
            yield from _pending(each)
    if result.rehearsal is not None:
        yield _row("Rehearsal", result.rehearsal)
    if result.cut_off is not None:
        yield _row("Half done", result.cut_off.sentence)
    yield from _queue(result)
    yield from _drift(result)
    for name in result.old_names:
        yield _row("Old name", f"{name}; {name.end} in a later revision ends it")
    yield _row("Migrating", result.migrating or "nobody")
    yield _row("Health", f"{counted(len(result.health), 'thing')} to look at" if result.health else "nothing found")
    for finding in result.health:
        yield paragraph(finding.what, "  ", "    ")
        yield paragraph(f"→ {finding.remedy}", "    ", "      ")
    yield from _own_and_backup(result)


def _newer(result: Status) -> Iterator[str]:
    if result.newer is None:
        return
    for each in result.newer.revisions:
        yield _row("Newer", f"{each.revision}  {each.title}{' (only adds)' if each.expand_only else ''}")
    words = result.newer.sentence if result.newer.usable else result.newer.refusal().message
    yield paragraph(words, INDENT, INDENT)


def _own_and_backup(result: Status) -> Iterator[str]:
    if result.own:
        counts = "; ".join(f"{kind}: {_few(things)}" for kind, things in result.own.items())
        yield _row("Own", f"{counts}. No revision judges these")
    if result.backup is None:
        yield _row("Backup", "none found")
    else:
        at = f", at {result.backup.revision}" if result.backup.revision else ""
        age = duration(result.backup.age)
        yield _row("Backup", f"{utc_time(result.backup.finished_at)} UTC, {age} old{at}, in {result.backup.path}")
        if result.backup.not_proven:
            yield paragraph(f"not proven: {result.backup.not_proven}", INDENT, INDENT)


def _queue(result: Status) -> Iterator[str]:
    now = dt.datetime.now(dt.UTC)
    shown = [each for each in result.queue if each.is_open or now - each.changed_at < DONE_LATELY]
    if not shown:
        return
    left = [each for each in shown if each.is_open]
    waiting = any(each.state in work_queue.TO_DO for each in left)
    who = f"; at work: {result.worker}" if result.worker else f"; python -m {program()} work does it" if waiting else ""
    yield _row("Queue", f"{counted(len(left), 'thing')} left to do after the deploy{who}")
    for each in shown:
        state = "begun" if each.state == work_queue.WORKING and not result.worker else each.state
        rows = ""
        if each.kind == work_queue.BACKFILL:
            rows = f", {each.rows_done:,} rows done" + (f" and about {each.rows_left:,} left" if each.is_open else "")
        age = duration((now - each.queued_at).total_seconds())
        why = f": {each.error}" if each.error else ""
        what = f"{each.kind} of {each.revision}, left {age} ago: {state}{rows}{why}"
        yield paragraph(f"{each.name}  {what}", "  ", "    ")
        if each.state in {work_queue.PAUSED, work_queue.FAILED}:
            yield paragraph(f"→ python -m {program()} work --continue {each.name}", "    ", "      ")


def _pending(each: PendingRevision) -> Iterator[str]:
    yield paragraph(f"{each.revision}  {each.message}", "  ", "    ")
    if each.why:
        yield paragraph(each.why, "      ", "      ")
    how = "online: in steps that stop nobody" if each.online else "in one transaction"
    before = f"; took {duration(each.took)} when it ran here before" if each.took is not None else ""
    rehearsed = each.rehearsed
    in_rehearsal = f"; took {duration(rehearsed.seconds)} in the rehearsal of {rehearsed.on}" if rehearsed else ""
    yield paragraph(f"{how}{before}{in_rehearsal}", "      ", "      ")


def _drift(result: Status) -> Iterator[str]:
    deviations = result.drift.difference.deviations
    if result.cut_off is not None:
        what = f"revision {result.cut_off.revision} is half done; --json has what differs meanwhile"
        yield _row("Drift", f"not judged: {what}" if deviations else "none")
        return
    if result.drift.not_compared:
        yield _row("Drift", f"could not be looked at: {result.drift.not_compared}")
    elif deviations:
        yield _row("Drift", f"{counted(len(deviations), 'deviation')} from revision {result.revision[0]}")
        for deviation in deviations[:MOST_LISTED]:
            yield paragraph(str(deviation), "  ", "    ")
        if len(deviations) > MOST_LISTED:
            yield f"  and {len(deviations) - MOST_LISTED} more: --json has all"
    elif len(result.revision) == 1 and result.state not in {State.UNKNOWN, State.NEWER}:
        yield _row("Drift", "none: the database is what its revision makes")
    else:
        yield _row("Drift", "not looked at: it is at no single known revision")


def table_lines(result: Status) -> Iterator[str]:
    """Yield a line for each table and each of its columns."""
    for table in result.catalogue.tables if result.catalogue else ():
        yield ""
        yield f"{table.name}"
        width = max((len(column.name) for column in table.columns), default=0)
        for column in table.columns:
            yield paragraph(f"{column.name:<{width}}  {column.summary}", "  ", " " * (width + 4))


def tables_as_json(result: Status) -> dict[str, dict[str, str]]:
    """Return the same as an object for JSON: by table and column the type."""
    tables = result.catalogue.tables if result.catalogue else ()
    return {table.name: {column.name: column.summary for column in table.columns} for table in tables}


def _few(things: list[str]) -> str:
    return ", ".join(things[:MOST_NAMED]) + (
        f" and {len(things) - MOST_NAMED} more" if len(things) > MOST_NAMED else ""
    )


def _row(label: str, text: str) -> str:
    return paragraph(text, f"{label:<10}", INDENT)


def failure_of(result: Status) -> CheckFailed:
    """Return the error by which a database that is not current ends the command, with what to do."""
    if result.cut_off is not None:
        return CheckFailed(result.cut_off.message, result.cut_off.remedy)
    known = result.redundant or (result.newer.refusal() if result.newer is not None else None)
    if known is not None:
        return CheckFailed(known.message, known.remedy)
    if result.state is not State.CURRENT:
        message, remedy = _remedies()[result.state]
        if result.hidden is not None:
            return CheckFailed(f"{message}. {result.hidden.message}", f"{result.hidden.remedy} Then: {remedy}")
        drifted = ", and is not what its revision makes" if result.drift.difference else ""
        if drifted:
            remedy = f"python -m {program()} identify first: an upgrade builds on what the database is. Then: {remedy}"
        return CheckFailed(f"{message}{drifted}.", remedy)
    if result.hidden is not None:
        return CheckFailed(
            f"The database has drifted from revision {result.revision[0]}. {result.hidden.message}",
            result.hidden.remedy,
        )
    return CheckFailed(
        f"The database has drifted from revision {result.revision[0]}.",
        f"python -m {program()} adopt {result.revision[0]} --repair repair.sql writes what makes up for it.",
    )


def as_json(result: Status, url: URL) -> dict[str, object]:
    """Return the state as an object for JSON."""
    return {
        "database": database.describe(url),
        "server": result.server,
        "state": result.state.value,
        "revision": result.revision,
        "heads": result.revisions.heads,
        "newer": [
            {"revision": each.revision, "title": each.title, "expand_only": each.expand_only}
            for each in (result.newer.revisions if result.newer else ())
        ],
        "pending": [asdict(each) for each in result.pending],
        "drift": {
            "looked": result.drift.not_compared is None and len(result.revision) == 1 and not result.revisions.unknown,
            "unseen": result.drift.not_compared,
            "deviations": result.drift.difference.as_json(),
        },
        "rehearsal": result.rehearsal,
        "unfinished": result.cut_off.as_json() if result.cut_off else None,
        "migrating": result.migrating,
        "queue": [asdict(each) | {"rows_left": each.rows_left} for each in result.queue],
        "worker": result.worker,
        "own": result.own,
        "old_names": [each.as_json() for each in result.old_names],
        "health": [asdict(each) for each in result.health],
        "backup": asdict(result.backup) | {"age": result.backup.age} if result.backup else None,
    }
