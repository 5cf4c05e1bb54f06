"""Roles as careful hosts have them: one that owns the school and migrates, one that the application connects as."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import psycopg
import pytest
from psycopg import sql

from tests.ourschool.history.schools import upgrade
from tests.support.databases import Database, fresh
from tests.support.servers import Server

PASSWORD = "s3cret"  # of roles that live as long as the test's server
BEFORE = "6ef5e6668592"
"""From here on come tables, more than one of them online."""


@dataclass(frozen=True)
class Roles:
    """Names of this session's own: roles are the server's."""

    owner: str
    app: str
    other: str

    def __iter__(self) -> Iterator[str]:
        yield from (self.owner, self.app, self.other)


@pytest.fixture(scope="session")
def roles(newest: Server) -> Iterator[Roles]:
    """An owner with CREATEDB and nothing else, and two who own nothing; one of them has an awkward name."""
    mark = uuid.uuid4().hex[:6]
    made = Roles(f"owner_{mark}", f'app {mark}: "Büro" 100%', f"report_{mark}")
    with newest.connect() as admin:
        for role in made:
            admin.execute(
                sql.SQL("create role {} login createdb password {}").format(sql.Identifier(role), PASSWORD)
                if role == made.owner
                else sql.SQL("create role {} login password {}").format(sql.Identifier(role), PASSWORD)
            )
    yield made
    with newest.connect() as admin:
        for role in made:
            admin.execute(sql.SQL("drop owned by {}").format(sql.Identifier(role)))
            admin.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def as_role(database: Database, role: str) -> Database:
    """The same database for one who has to show a password."""
    return replace(database, url=database.server.over_tcp(role, PASSWORD, str(database.url.database)))


def owned(database: Database, owner: str) -> None:
    """Database and schema are the owner's."""
    name = sql.Identifier(str(database.url.database)).as_string()
    database.execute(
        f"alter database {name} owner to {owner}", f"alter schema public owner to {owner}"
    )  # fmt: skip


@pytest.fixture(scope="session")
def template(newest: Server, roles: Roles) -> Iterator[str]:
    """The name of an empty school at BEFORE, which the owner has made."""
    with fresh(newest) as database:
        owned(database, roles.owner)
        upgrade(as_role(database, roles.owner), BEFORE)
        yield str(database.url.database)


@pytest.fixture
def school(newest: Server, roles: Roles, template: str) -> Iterator[Database]:
    """A clone of it, seen by a superuser."""
    with ExitStack() as stack:
        database = stack.enter_context(fresh(newest, template=template))
        owned(database, roles.owner)
        yield database


Run = Callable[..., None]


def granted(database: Database, role: str, table: str) -> set[str]:
    """What the role itself holds on the table."""
    rows = database.rows(
        "select privilege_type || case when is_grantable then '*' else '' end from pg_class"
        " cross join lateral aclexplode(relacl)"
        f" where oid = '{table}'::regclass and grantee = {_oid(database, role)}"
    )
    return {str(each) for (each,) in rows}


def _oid(database: Database, role: str) -> int:
    if role == "public":
        return 0
    with database.connect() as connection:
        row = connection.execute("select oid from pg_roles where rolname = %s", (role,)).fetchone()
    assert row is not None
    return int(row[0])


def quoted(role: str) -> str:
    return sql.Identifier(role).as_string()


def denied(database: Database, statement: str) -> bool:
    """Whether the role may not do that; what it may do is done."""
    try:
        database.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False
