"""Whether the names that pending revisions make are free; what is not released yet is built to see what it makes."""

from collections.abc import Sequence

from alembic.script import Script
from sqlalchemy.engine import URL, Connection

from surefoot.environment import alembic_api
from surefoot.errors import SurefootError
from surefoot.readonly import heads
from surefoot.revision_catalogues import build
from surefoot.runtime import name_conflicts
from surefoot.settings import Settings


def refuse_strangers(settings: Settings, url: URL, connection: Connection, pending: Sequence[Script]) -> None:
    """Raise RefusedError where something of somebody else's has a name that one of `pending` makes.

    Where nothing can be built, what is not released yet is left to the migration itself, which looks again.
    """
    script, at = alembic_api.script(settings), heads(connection)
    try:
        known = build.created_names(settings, url, build.history(script))
    except SurefootError:
        known = None
    name_conflicts.refuse(name_conflicts.find(connection, script, at, pending, known), at)
