"""Decides by the rights of the role whether to restore beside the database or inside it."""

from dataclasses import dataclass

from sqlalchemy.engine import URL

from surefoot import database
from surefoot.errors import ConnectFailed
from surefoot.operate.backup import server_facts
from surefoot.program import program


@dataclass(frozen=True)
class RestoreRights:
    """The rights of the role, and whether it has to restore inside the database of the URL."""

    role: str
    may_create: bool
    inside: bool


def read(url: URL) -> RestoreRights:
    """Return how this role has to restore the database of `url`. Raises what connecting raises."""
    name = server_facts.name_of(url)
    try:
        with server_facts.connection_beside(url) as admin:
            rights, owner = server_facts.rights(admin), server_facts.owns_database(admin, name)
            may_rename = rights.superuser or owner is not False  # None: no database is to be renamed
            return RestoreRights(rights.role, rights.may_create, not (rights.may_create and may_rename))
    except ConnectFailed:  # the role may connect to no other database
        engine = database.engine_for(url, application_name=f"{program()} backup")
        with server_facts.explaining_errors(url), engine.connect() as connection:
            return RestoreRights(server_facts.rights(connection).role, may_create=False, inside=True)
