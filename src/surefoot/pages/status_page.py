"""The page of the status: the state of a database for somebody who has no terminal."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import htpy as h

from surefoot.catalogue.relations import Relation
from surefoot.errors import SurefootError
from surefoot.operate.status.collect import State, Status
from surefoot.operate.status.revision_history import RevisionRuns
from surefoot.operate.status.revision_list import PendingRevision
from surefoot.pages import drawings, history_page, page_parts
from surefoot.pages.drawings import Bar
from surefoot.pages.page_parts import Column
from surefoot.program import program
from surefoot.runtime import work_queue
from surefoot.runtime.work_queue import Entry
from surefoot.wording import counted, duration, utc_time

WELL = "Nothing is pending, and the database is what its revision makes."


@dataclass(frozen=True)
class Extras:
    """What `status` shows besides, where it is asked to: the history, and the tables with their columns."""

    history: Sequence[RevisionRuns] | None = None
    tables: bool = False


def page(result: Status, database: str, failure: SurefootError | None, extras: Extras) -> str:
    """Return the state of `database`, which is its description, as an HTML page.

    `failure` is the error with which the command ends, None where the database is current.
    """
    now = utc_time(dt.datetime.now(dt.UTC))
    made = f"Written by {program()} status, {now} UTC. It tells of that moment."
    return page_parts.page(f"Status of {database}", _body(result, failure, extras), made)


def _body(result: Status, failure: SurefootError | None, extras: Extras) -> Iterator[h.Node]:
    if failure is None:
        well = result.newer.sentence if result.newer is not None else WELL
        yield page_parts.verdict(well, good=True)
    else:
        yield page_parts.verdict(failure.message, good=False, remedy=failure.remedy)
    yield page_parts.facts(_facts(result))
    yield page_parts.section("Pending", _pending(result.pending))
    yield page_parts.section("Drift", page_parts.bullets(map(str, result.drift.difference.deviations)))
    yield page_parts.section("Left to do after the deploy", _queue(result))
    yield page_parts.section(
        "Health", page_parts.bullets(h.fragment[each.what, h.p(".soft")["What to do: ", each.remedy]]
                                     for each in result.health),
    )  # fmt: skip
    yield page_parts.section("Old names", page_parts.bullets(map(str, result.old_names)))
    yield page_parts.section(
        "Of the operator's own, which no revision judges",
        page_parts.facts((kind, ", ".join(things)) for kind, things in result.own.items()) if result.own else None,
    )
    if extras.tables and result.catalogue is not None:
        yield page_parts.section("Tables", *map(_table, result.catalogue.tables))
    if extras.history is not None:
        yield page_parts.section("History", h.div[list(history_page.sections(extras.history))])


def _facts(result: Status) -> Iterator[tuple[str, h.Node]]:
    messages = result.revisions.messages
    unknown = "no file has it" if result.revision else ""
    yield "Revision", [h.div[page_parts.named(one, messages.get(one, unknown))] for one in result.revision] or "none"
    yield "Head", [h.div[page_parts.named(one, messages[one])] for one in result.revisions.heads]
    if result.newer is not None:
        yield "Newer", result.newer.sentence if result.newer.usable else result.newer.refusal().message
    if result.state not in {State.UNKNOWN, State.NEWER}:
        yield "Pending", counted(len(result.pending), "revision") if result.pending else "nothing"
    if result.rehearsal is not None:
        yield "Rehearsal", result.rehearsal
    if result.cut_off is not None:
        yield "Half done", result.cut_off.message
    yield "Drift", _drift(result)
    yield "Migrating now", result.migrating or "nobody"
    yield "Health", f"{counted(len(result.health), 'thing')} to look at" if result.health else "nothing found"
    yield "Last backup", _backup(result)
    yield "Server", f"PostgreSQL {result.server}"


def _drift(result: Status) -> str:
    if result.drift.not_compared:
        return f"could not be looked at: {result.drift.not_compared}"
    if result.drift.difference:
        return counted(len(result.drift.difference.deviations), "difference")
    compared = len(result.revision) == 1 and result.state not in {State.UNKNOWN, State.NEWER}
    return "none" if compared else "not looked at: the database is at no single known revision"


def _backup(result: Status) -> h.Node:
    last = result.backup
    if last is None:
        return "none found"
    at = f", at {last.revision}" if last.revision else ""
    age = f"{utc_time(last.finished_at)} UTC, {duration(last.age)} old{at}, in {last.path}"
    return [h.div[age], h.div[f"Not proven: {last.not_proven}"] if last.not_proven else None]


def _pending(revisions: Sequence[PendingRevision]) -> h.Node:
    return page_parts.table(
        "In the order in which an upgrade runs them.",
        (Column("Revision", "name"), Column("Why"), Column("How"), Column("How long")),
        [
            (
                page_parts.named(each.revision, each.message),
                each.why or "",
                "online: in steps that stop nobody" if each.online else "in one transaction",
                _expected(each),
            )
            for each in revisions
        ],
    )


def _expected(each: PendingRevision) -> str:
    before = f"{duration(each.took)} when it ran here before" if each.took is not None else ""
    rehearsed = f"{duration(each.rehearsed.seconds)} in the rehearsal of {each.rehearsed.on}" if each.rehearsed else ""
    return "; ".join(filter(None, (before, rehearsed))) or "not known: rehearse measures it"


def _queue(result: Status) -> h.Node:
    return page_parts.table(
        f"At work now: {result.worker or 'nobody'}.",
        (Column("What", "name"), Column("Left by"), Column("State", "short"), Column("How far", "picture")),
        [
            (h.code[each.name], f"{each.revision}, {utc_time(each.queued_at)} UTC", page_parts.outcome(each.state),
             _progress(each))
            for each in result.queue
        ],
    )  # fmt: skip


def _progress(each: Entry) -> h.Node:
    if each.kind != work_queue.BACKFILL:
        return each.error or "an index"
    left = each.rows_left or 0
    words = f"{each.rows_done:,} rows done" + (f", about {left:,} left" if each.is_open else "")
    whole = each.rows_done + left
    bar = drawings.bars([[Bar(0, each.rows_done, "run")]], whole) if whole and each.is_open else None
    return h.div[bar, words, h.p[each.error] if each.error else None]


def _table(table: Relation) -> h.Node:
    columns = [(h.code[each.name], each.summary) for each in table.columns]
    return page_parts.table(table.name, (Column("Column", "name"), Column("What it is")), columns)
