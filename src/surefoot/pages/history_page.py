"""The page of the history: what ran on a database when, for how long and how it ended, and what never ran."""

import datetime as dt
from collections.abc import Iterator, Sequence

import htpy as h

from surefoot.operate.status.journal_report import JournalEntry
from surefoot.operate.status.revision_history import RevisionRuns
from surefoot.pages import drawings, page_parts
from surefoot.pages.drawings import Bar, Mark
from surefoot.pages.page_parts import Column
from surefoot.program import program
from surefoot.wording import counted, duration, utc_time


def page(chapters: Sequence[RevisionRuns], database: str) -> str:
    """Return the history of `database`, which is its description, as an HTML page."""
    now = utc_time(dt.datetime.now(dt.UTC))
    return page_parts.page(f"History of {database}", sections(chapters), f"Written by {program()} history, {now} UTC.")


def sections(chapters: Sequence[RevisionRuns]) -> Iterator[h.Node]:
    """Yield what the page is made of, for the page of the status as well."""
    runs = sorted(((chapter, run) for chapter in chapters for run in chapter.runs), key=lambda pair: pair[1].started_at)
    yield page_parts.facts(_facts(chapters, [run for _, run in runs]))
    yield page_parts.section("When", *_calendar([run for _, run in runs]))
    yield page_parts.section("What ran", _runs(runs[::-1]))
    without = [each for each in chapters if not each.runs]
    yield page_parts.section(
        "Revisions without a run",
        page_parts.table(
            "The newest first; the journal has nothing of these.",
            (Column("Revision", "name"), Column("Here")),
            [
                (page_parts.named(each.revision, _message(each)),
                 "applied, not journalled" if each.applied else "never run here")
                for each in without
            ],
        ),
    )  # fmt: skip


def _facts(chapters: Sequence[RevisionRuns], runs: Sequence[JournalEntry]) -> Iterator[tuple[str, h.Node]]:
    here = [each for each in chapters if each.here]
    yield "At", [h.div[page_parts.named(each.revision, _message(each))] for each in here] or "no revision"
    yield "Applied", counted(sum(each.applied for each in chapters), "revision")
    failed = sum(run.outcome == "failed" for run in runs)
    yield "Runs", f"{counted(len(runs), 'run')} in the journal, {failed or 'none'} of them failed" if runs else "none"


def _calendar(runs: Sequence[JournalEntry]) -> Iterator[h.Node]:
    if not runs:
        return
    marks = [
        Mark(run.started_at.astimezone(dt.UTC), run.outcome,
             f"{utc_time(run.started_at)} {run.direction} {run.revision}: {run.outcome}")
        for run in runs
    ]  # fmt: skip
    yield drawings.calendar(marks)
    yield h.p(".soft")[
        "A disc is a run that is done, a cross one that failed, a ring one that was begun and not ended."
    ]


def _runs(runs: Sequence[tuple[RevisionRuns, JournalEntry]]) -> h.Node:
    longest = max((run.seconds for _, run in runs), default=0)
    return page_parts.table(
        "The newest first; times are UTC. The longest bar is the run that took longest.",
        (Column("When", "short"), Column("Revision", "name"), Column("What", "short"), Column("It ended", "short"),
         Column("How long, and by whom", "picture")),
        [
            (
                utc_time(run.started_at),
                page_parts.named(run.revision, _message(chapter)),
                run.direction,
                page_parts.outcome(run.outcome),
                h.div[drawings.bars([[Bar(0, run.seconds, "run")]], longest), _words(run)],
            )
            for chapter, run in runs
        ],
    )  # fmt: skip


def _words(run: JournalEntry) -> Iterator[h.Node]:
    who = f"{run.client_user}@{run.client_host} as {run.database_user}"
    yield h.p[f"{duration(run.seconds)}, {who}"]
    for word, text in (("Note", run.note), ("Error", run.error), ("Statement", run.statement)):
        if text:
            yield h.p(".soft")[f"{word}: ", h.code[text] if word == "Statement" else text]


def _message(chapter: RevisionRuns) -> str:
    return "no file has it" if chapter.message is None else chapter.message
