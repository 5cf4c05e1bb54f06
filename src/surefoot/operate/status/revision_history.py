"""`history`: every revision of the files with what the journal has of it."""

from dataclasses import dataclass

from sqlalchemy.engine import URL

from surefoot.environment import alembic_api
from surefoot.operate.status import journal_report
from surefoot.operate.status.journal_report import Ran
from surefoot.operate.status.revision_list import line
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.revision_catalogues import build
from surefoot.settings import Settings


@dataclass(frozen=True)
class Chapter:
    """One revision and its runs, oldest first. `message` is None for one that no file has, such as a stamp of base."""

    revision: str
    message: str | None
    applied: bool
    here: bool
    runs: tuple[Ran, ...]


def history(settings: Settings, url: URL) -> list[Chapter]:
    """The newest revision first, then what the journal has beside the files'. Raises as `status` does."""
    script = alembic_api.script(settings)
    revisions = build.history(script)
    with read_connection(url, f"{program()} history") as connection:
        at = heads(connection)
        rows = journal_report.rows(connection)
    known = line(script, revisions, at)
    others = dict.fromkeys((*known.unknown, *(row.revision for row in rows if row.revision not in known.messages)))
    return [
        Chapter(
            revision,
            known.messages.get(revision),
            revision in known.applied or revision in known.unknown,
            revision in at,
            tuple(row for row in rows if row.revision == revision),
        )
        for revision in (*reversed(list(known.messages)), *others)
    ]
