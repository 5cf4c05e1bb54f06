"""`surefoot history`: the revisions, and their runs on this database."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from surefoot.cli.context import print_json, settings_and_url
from surefoot.cli.options import AsJson, AsPage, DatabaseUrl
from surefoot.pages import page_file
from surefoot.wording import duration, paragraph, utc_time

if TYPE_CHECKING:
    from surefoot.operate.status.journal_report import JournalEntry
    from surefoot.operate.status.revision_history import RevisionRuns


def show_history(as_json: AsJson = False, html: AsPage = None, database_url: DatabaseUrl = None) -> None:
    """List every revision, the newest first, with its runs: when (UTC), how long, who, and how it ended.

    Example: surefoot history --html history.html
    """
    # imported here, because the help does not need it
    from surefoot import database  # noqa: PLC0415
    from surefoot.operate.status.revision_history import history  # noqa: PLC0415

    if html is not None:
        page_file.check(html)
    settings, url = settings_and_url(database_url)
    chapters = history(settings, url)
    if as_json:
        print_json([asdict(each) for each in chapters])
    else:
        typer.echo("\n".join(line for chapter in chapters for line in lines(chapter)))
    if html is not None:
        from surefoot.pages import history_page  # noqa: PLC0415  # only a page needs what draws it

        page_file.write(html, history_page.page(chapters, database.describe(url)))


def lines(chapter: "RevisionRuns") -> Iterator[str]:
    """Yield the lines of text for a revision and its runs."""
    here = " (here)" if chapter.here else ""
    message = "no file has it" if chapter.message is None else chapter.message
    yield paragraph(f"{chapter.revision}{here}  {message}", "", "    ")
    for run in chapter.runs:
        yield from _run(run)
    if not chapter.runs:
        yield "    applied, not journalled" if chapter.applied else "    never run here"


def _run(run: "JournalEntry") -> Iterator[str]:
    who = f"{run.client_user}@{run.client_host} as {run.database_user}"
    yield paragraph(
        f"{utc_time(run.started_at)}  {run.direction:<9} {run.outcome:<6} {duration(run.seconds):>7}  {who}",
        "    ", "        ",
    )  # fmt: skip
    for word, text in (("note", run.note), ("error", run.error), ("statement", run.statement)):
        if text:
            yield paragraph(f"{word}: {' '.join(text.split())}", "        ", "          ")
