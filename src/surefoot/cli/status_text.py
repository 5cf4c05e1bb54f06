"""The screen of `surefoot status`: the answer in two lines, then the figures, all in 24 lines of 80 columns.

What has no end, such as the pending revisions and what is retired, is counted here and listed on request.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator

from sqlalchemy.engine import URL

from surefoot import database
from surefoot.cli.status_answer import answer
from surefoot.operate.status.collect import State, Status
from surefoot.operate.status.health import RETIRED
from surefoot.program import program
from surefoot.runtime import work_queue
from surefoot.wording import counted, duration, listed, paragraph, size, utc_time

INDENT = " " * 10
MOST_NAMED = 3
"""The number of things of the operator's own that are named of each kind; --json has all."""
DONE_LATELY = dt.timedelta(days=7)
"""For so long what is done is shown among what is left to do; --json has it for good."""
MOST_LISTED = 3
"""The number of differences that are printed; --json has all."""


def as_text(result: Status, url: URL) -> Iterator[str]:
    """Yield the lines of the state of the database of `url`."""
    told = answer(result)
    yield paragraph(f"{told.word}: {told.sentence}")
    is_command = told.next.startswith("python ") and ": " not in told.next
    yield f"Next: {told.next}" if is_command else paragraph(told.next, "Next: ", "      ")
    yield ""
    yield _row("Database", f"{database.describe(url)}, PostgreSQL {result.server}")
    yield from _revisions(result)
    yield from _pending(result)
    if result.rehearsal is not None:
        yield _row("Rehearsal", result.rehearsal)
    yield from _queue(result)
    yield from _drift(result)
    for name in result.old_names:
        yield _row("Old name", f"{name}; {name.end} in a later revision ends it")
    yield _row("Migrating", result.migrating or "nobody")
    yield from _health(result)
    yield from _retired(result)
    yield from _own_and_backup(result)
    more = [option for option, there in (("--pending", result.pending), ("--retired", _holds_rows(result))) if there]
    yield _row("Details", ", ".join((*more, "--tables", "--history")))


def _revisions(result: Status) -> Iterator[str]:
    messages = result.revisions.messages
    for one in result.revision or ("none",):
        yield _row("Revision", f"{one}  {messages.get(one, 'no file has it' if result.revision else '')}".rstrip())
    if set(result.revisions.heads) != set(result.revision):
        for one in result.revisions.heads:
            yield _row("Newest", f"{one}  {messages[one]}")
    if result.newer is None:
        return
    for each in result.newer.revisions:
        yield _row("Newer", f"{each.revision}  {each.title}{' (only adds)' if each.expand_only else ''}")
    words = result.newer.sentence if result.newer.usable else result.newer.refusal().message
    yield paragraph(words, INDENT, INDENT)


def _pending(result: Status) -> Iterator[str]:
    if result.state in {State.UNKNOWN, State.NEWER}:
        return
    if not result.pending:
        yield _row("Pending", "nothing")
        return
    online = sum(each.online for each in result.pending)
    ways = ((online, "online"), (len(result.pending) - online, "in one transaction"))
    how = ", ".join(f"{count:,} {way}" for count, way in ways if count)
    rehearsed = [each.rehearsed for each in result.pending if each.rehearsed]
    took = ""
    if len(rehearsed) == len(result.pending):
        took = f"; {duration(sum(each.seconds for each in rehearsed))} in the rehearsal of {rehearsed[-1].on}"
    yield _row("Pending", f"{counted(len(result.pending), 'revision')}: {how}{took}")


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
            rows = f", {counted(each.rows_done, 'row')} done"
            rows += f" and about {each.rows_left:,} left" if each.is_open else ""
        age = duration((now - each.queued_at).total_seconds())
        why = f": {each.error}" if each.error else ""
        what = f"{each.kind} of {each.revision}, left {age} ago: {state}{rows}{why}"
        yield paragraph(f"{each.name}  {what}", "  ", "    ")
        if each.state in {work_queue.PAUSED, work_queue.FAILED}:
            yield f"    → python -m {program()} work --continue {each.name}"


def _drift(result: Status) -> Iterator[str]:
    deviations = result.drift.difference.deviations
    if result.cut_off is not None:
        what = f"revision {result.cut_off.revision} is half done; --json has what differs meanwhile"
        yield _row("Drift", f"not judged: {what}" if deviations else "none")
        return
    if result.drift.not_compared:
        yield _row("Drift", f"could not be looked at: {result.drift.not_compared}")
    elif deviations:
        yield _row("Drift", f"{counted(len(deviations), 'difference')} from revision {result.revision[0]}")
        for deviation in deviations[:MOST_LISTED]:
            yield paragraph(str(deviation), "  ", "    ")
        if len(deviations) > MOST_LISTED:
            yield f"  and {len(deviations) - MOST_LISTED:,} more: --json has all"
    elif len(result.revision) == 1 and result.state not in {State.UNKNOWN, State.NEWER}:
        yield _row("Drift", "none: the database is what its revision makes")
    else:
        yield _row("Drift", "not looked at: it is at no single known revision")


def _health(result: Status) -> Iterator[str]:
    findings = [each for each in result.health if each.kind != RETIRED]
    yield _row("Health", f"{counted(len(findings), 'thing')} to look at" if findings else "nothing found")
    for finding in findings:
        yield paragraph(finding.what, "  ", "    ")
        yield paragraph(f"→ {finding.remedy}", "    ", "      ")


def _holds_rows(result: Status) -> bool:
    """Return whether anything that is retired has rows: else it is nothing to look at."""
    return any(each.holds_rows for each in result.retired)


def _retired(result: Status) -> Iterator[str]:
    if not _holds_rows(result):
        return
    kinds = Counter(each.kind if each.kind in {"column", "table"} else "other thing" for each in result.retired)
    what = listed([counted(kinds[kind], kind) for kind in ("column", "table", "other thing") if kinds[kind]])
    verb = "is" if len(result.retired) == 1 else "are"
    stored = f" ({size(result.retired_bytes)} in their own tables)" if result.retired_bytes else ""
    yield _row("Retired", f"{what} of earlier revisions {verb} kept{stored}: harmless")


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


def _few(things: list[str]) -> str:
    return ", ".join(things[:MOST_NAMED]) + (
        f" and {len(things) - MOST_NAMED} more" if len(things) > MOST_NAMED else ""
    )


def _row(label: str, text: str) -> str:
    return paragraph(text, f"{label:<10}", INDENT)
