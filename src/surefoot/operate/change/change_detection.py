"""Whether a change that failed has changed anything: only then there is something to go back from."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.errors import SurefootError
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.runtime import interrupted_run, journal

PARTS = sa.text("""
    select count(*)
      from migration_journal
     where outcome in ('begun', 'done')
        or outcome = 'failed' and (starts_with(note, :cut_off) or starts_with(note, :stopped))
""")
"""Steps that have committed something."""


@dataclass(frozen=True)
class DatabaseState:
    """What a database is: its revisions, its catalogue, and how many steps have left something in it."""

    heads: tuple[str, ...]
    catalogue: Catalogue
    steps: int


def stand(connection: Connection) -> DatabaseState:
    """Look at it; nothing is changed."""
    there = connection.execute(interrupted_run.TABLES_EXIST).one().journal
    notes = {"cut_off": journal.CUT_OFF, "stopped": journal.STOPPED}
    steps = connection.execute(PARTS, notes).scalar_one() if there else 0
    return DatabaseState(heads(connection), read_catalogue(connection), int(steps))


def changed(url: URL, before: DatabaseState) -> bool:
    """Whether the database of `url` is another than it was; what cannot be looked at may be."""
    try:
        with read_connection(url, f"{program()} change") as connection:
            return stand(connection) != before
    except SurefootError:
        return True
