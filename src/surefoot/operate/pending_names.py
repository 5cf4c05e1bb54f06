"""Checks that the names which pending revisions create are free.

Unreleased revisions are built to learn their names.
"""

from collections.abc import Sequence

from alembic.script import Script
from sqlalchemy.engine import URL, Connection

from surefoot.environment import alembic_api
from surefoot.errors import SurefootError
from surefoot.readonly import heads
from surefoot.revision_catalogues import build
from surefoot.runtime import name_conflicts
from surefoot.settings import Settings


def refuse_taken_names(settings: Settings, url: URL, connection: Connection, pending: Sequence[Script]) -> None:
    """Raise RefusedError if an object that no revision made has a name that one of `pending` creates.

    If no scratch database can be built, only released revisions are checked; the migration checks the others itself.
    """
    script, at = alembic_api.script(settings), heads(connection)
    try:
        names = build.created_names(settings, url, build.history(script))
    except SurefootError:
        names = None
    name_conflicts.refuse(name_conflicts.find(connection, script, at, pending, names), at)
