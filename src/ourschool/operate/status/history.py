"""`history`: every revision of the files with what the journal has of it."""

from dataclasses import dataclass

from sqlalchemy.engine import URL

from ourschool.operate import alembic_here
from ourschool.operate.expected import built
from ourschool.operate.looking import heads, look
from ourschool.operate.status import journal
from ourschool.operate.status.journal import Ran
from ourschool.operate.status.revisions import line
from ourschool.settings import Settings


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
    script = alembic_here.script(settings)
    revisions = built.history(script)
    with look(url, "ourschool history") as connection:
        at = heads(connection)
        rows = journal.rows(connection)
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
