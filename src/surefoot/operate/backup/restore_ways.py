"""Beside the database, or inside it: what the role may do on its server decides."""

from dataclasses import dataclass

from sqlalchemy.engine import URL

from surefoot import database
from surefoot.errors import ConnectFailed
from surefoot.operate.backup import server_facts
from surefoot.program import program


@dataclass(frozen=True)
class Way:
    """What the role may do, and whether it has to restore inside the database of the URL."""

    role: str
    may_create: bool
    inside: bool


def way(url: URL) -> Way:
    """How this role has to restore the database of `url`. Raises what connecting raises."""
    name = server_facts.name_of(url)
    try:
        with server_facts.beside(url) as admin:
            held, owner = server_facts.rights(admin), server_facts.owns(admin, name)
            may_rename = held.superuser or owner is not False  # None: there is nothing to rename
            return Way(held.role, held.may_create, not (held.may_create and may_rename))
    except ConnectFailed:  # no other database lets us in: there is only this one
        engine = database.engine_for(url, application_name=f"{program()} backup")
        with server_facts.explained(url), engine.connect() as connection:
            return Way(server_facts.rights(connection).role, may_create=False, inside=True)
