"""Whether the names that pending revisions make are free; what is not released yet is built to see what it makes."""

from collections.abc import Sequence

from alembic.script import Script
from sqlalchemy.engine import URL, Connection

from ourschool.errors import OurSchoolError
from ourschool.migrate import strangers
from ourschool.operate import alembic_here
from ourschool.operate.expected import built
from ourschool.operate.looking import heads
from ourschool.settings import Settings


def refuse_strangers(settings: Settings, url: URL, connection: Connection, pending: Sequence[Script]) -> None:
    """Raise RefusedError where something of somebody else's has a name that one of `pending` makes.

    Where nothing can be built, what is not released yet is left to the migration itself, which looks again.
    """
    script, at = alembic_here.script(settings), heads(connection)
    try:
        known = built.made(settings, url, built.history(script))
    except OurSchoolError:
        known = None
    strangers.refuse(strangers.find(connection, script, at, pending, known), at)
