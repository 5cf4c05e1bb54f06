"""Finds an unfinished revision, for commands that work in spite of it and mention it."""

from alembic.util.exc import CommandError
from sqlalchemy.engine import URL

from surefoot.environment import alembic_api
from surefoot.errors import SurefootError
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.runtime import interrupted_run
from surefoot.runtime.interrupted_run import CutOff
from surefoot.settings import Settings


def unfinished(settings: Settings, url: URL) -> CutOff | None:
    """Return the revision that was begun and not finished; None if there is none, or if the database cannot be read."""
    try:
        script = alembic_api.script(settings)
        with read_connection(url, f"{program()} status") as connection:
            return interrupted_run.find(connection, script, heads(connection))
    except (SurefootError, CommandError):
        return None
