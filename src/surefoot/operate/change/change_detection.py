"""Detects whether a failed change has changed the database: only then is there something to restore."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.errors import SurefootError
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.runtime import interrupted_run, journal

COMMITTED_STEPS = sa.text("""
    select count(*)
      from migration_journal
     where outcome in ('begun', 'done')
        or outcome = 'failed' and (starts_with(note, :cut_off) or starts_with(note, :stopped))
""")
"""Counts the journal entries of steps that have committed something."""


@dataclass(frozen=True)
class DatabaseState:
    """The heads and the catalogue of a database, and the number of steps that have committed something in it."""

    heads: tuple[str, ...]
    catalogue: Catalogue
    steps: int


def read_state(connection: Connection) -> DatabaseState:
    """Read the state of the database, without changing it."""
    has_journal = connection.execute(interrupted_run.TABLES_EXIST).one().journal
    notes = {"cut_off": journal.CUT_OFF, "stopped": journal.STOPPED}
    steps = connection.execute(COMMITTED_STEPS, notes).scalar_one() if has_journal else 0
    return DatabaseState(heads(connection), read_catalogue(connection), int(steps))


def changed(url: URL, before: DatabaseState) -> bool:
    """Return whether the database of `url` is no longer in the state `before`; True if it cannot be read."""
    try:
        with read_connection(url, f"{program()} change") as connection:
            return read_state(connection) != before
    except SurefootError:
        return True
