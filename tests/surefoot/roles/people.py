"""Roles of a test's own, who have to show a password, and the rows that a policy hides from them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from psycopg import sql

from tests.support.databases import Database

PASSWORD = "wrong horse"
HIDE = (
    "alter table {table} enable row level security",
    "create policy one on {table} using ({shows})",
)
FORCED = (*HIDE, "alter table {table} force row level security")


@dataclass(frozen=True)
class Role:
    """A role that may log in."""

    name: str
    database: Database

    @property
    def here(self) -> Database:
        """The database as this role sees it, over TCP."""
        server = self.database.server
        return replace(self.database, url=server.over_tcp(self.name, PASSWORD, str(self.database.url.database)))


@contextmanager
def role(database: Database, *attributes: str, owns: bool = False) -> Iterator[Role]:
    """A role with such `attributes` (createdb, in role …), gone afterwards; with `owns` the database is its own."""
    name = f"r_{uuid.uuid4().hex[:10]}"
    me = sql.Identifier(name).as_string()
    database.execute(f"create role {me} login password '{PASSWORD}' {' '.join(attributes)}")
    if owns:
        database.execute(f'alter database "{database.url.database}" owner to {me}')
    try:
        yield Role(name, database)
    finally:
        # what it owns in other databases has gone with those
        database.execute(f"reassign owned by {me} to current_user", f"drop owned by {me}", f"drop role {me}")


def own_everything(database: Database, role: Role) -> None:
    """Give the role every table and sequence of schema public, as if it had made them."""
    tables = "relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
    for (name,) in database.rows(f"select format('%I', relname) from pg_class where {tables}"):
        database.execute(f"alter table public.{name} owner to {role.name}")


def hide(database: Database, table: str, shows: str, statements: tuple[str, ...] = FORCED) -> None:
    """Row security on `table`, with a policy that shows the rows for which `shows` is true."""
    database.execute(*(each.format(table=table, shows=shows) for each in statements))
