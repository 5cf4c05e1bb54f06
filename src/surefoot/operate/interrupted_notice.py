"""Whether a database is half-way between two revisions, for commands that work all the same and say so."""

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
    """The revision that was begun and not finished; None where there is none, and where nobody can tell."""
    try:
        script = alembic_api.script(settings)
        with read_connection(url, f"{program()} status") as connection:
            return interrupted_run.find(connection, script, heads(connection))
    except (SurefootError, CommandError):
        return None
