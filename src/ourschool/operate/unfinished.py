"""Whether a database is half-way between two revisions, for commands that work all the same and say so."""

from alembic.util.exc import CommandError
from sqlalchemy.engine import URL

from ourschool.errors import OurSchoolError
from ourschool.migrate import cut_off
from ourschool.migrate.cut_off import CutOff
from ourschool.operate import alembic_here
from ourschool.operate.looking import heads, look
from ourschool.settings import Settings


def unfinished(settings: Settings, url: URL) -> CutOff | None:
    """The revision that was begun and not finished; None where there is none, and where nobody can tell."""
    try:
        script = alembic_here.script(settings)
        with look(url, "ourschool") as connection:
            return cut_off.find(connection, script, heads(connection))
    except (OurSchoolError, CommandError):
        return None
