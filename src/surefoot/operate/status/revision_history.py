"""`history` lists every revision of the project with its runs in the journal."""

from dataclasses import dataclass

from sqlalchemy.engine import URL

from surefoot.environment import alembic_api
from surefoot.operate.status import journal_report
from surefoot.operate.status.journal_report import JournalEntry
from surefoot.operate.status.revision_list import list_revisions
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.revision_catalogues import build
from surefoot.settings import Settings


@dataclass(frozen=True)
class RevisionRuns:
    """One revision and its journal entries, oldest first.

    `message` is None if no file has the revision, as for a stamp with base. `here` says whether the database is at it.
    """

    revision: str
    message: str | None
    applied: bool
    here: bool
    runs: tuple[JournalEntry, ...]


def history(settings: Settings, url: URL) -> list[RevisionRuns]:
    """Return the project's revisions, newest first, followed by those that only the journal or `alembic_version` names.

    Raises what `status` raises.
    """
    script = alembic_api.script(settings)
    revisions = build.history(script)
    with read_connection(url, f"{program()} history") as connection:
        at = heads(connection)
        entries = journal_report.entries(connection)
    listed = list_revisions(script, revisions, at)
    journalled = (entry.revision for entry in entries if entry.revision not in listed.messages)
    others = dict.fromkeys((*listed.unknown, *journalled))
    return [
        RevisionRuns(
            revision,
            listed.messages.get(revision),
            revision in listed.applied or revision in listed.unknown,
            revision in at,
            tuple(entry for entry in entries if entry.revision == revision),
        )
        for revision in (*reversed(list(listed.messages)), *others)
    ]
