"""Roles whose names have to be quoted: they migrate, have and get rights, and what is told of them can be pasted."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs

import psycopg
import pytest
from psycopg import sql

from surefoot import database as ours
from surefoot.errors import RefusedError
from surefoot.runtime.ownership import refuse_other_owner
from tests.support.databases import Database
from tests.surefoot.roles.people import PASSWORD


@dataclass(frozen=True)
class Two:
    """Two roles on the server of a database; the first one owns that."""

    owner: str
    other: str
    database: Database

    def here(self, name: str) -> Database:
        server = self.database.server
        return Database(server, server.over_tcp(name, PASSWORD, str(self.database.url.database)))


@pytest.fixture
def two(scratch: Database) -> Iterator[Two]:
    names = [f"{name} {uuid.uuid4().hex[:6]}" for name in ('Own"er 100%\\', "Zoë's App")]
    quoted = [sql.Identifier(name).as_string() for name in names]
    scratch.execute(*(f"create role {name} login password '{PASSWORD}'" for name in quoted))
    scratch.execute(f"alter database {scratch.url.database} owner to {quoted[0]}")
    try:
        yield Two(names[0], names[1], scratch)
    finally:
        for name in quoted:
            scratch.execute(
                f"reassign owned by {name} to current_user", f"drop owned by {name} cascade", f"drop role {name}"
            )


def test_the_owner_migrates_and_the_application_gets_its_rights(two: Two) -> None:
    owners = two.here(two.owner)
    owners.alembic("upgrade", "head", env={"OURSCHOOL_APPLICATION_ROLE": f"{two.other}:select,insert"})
    assert two.here(two.other).rows("select count(*) from users") == [(0,)]
    owners.alembic("downgrade", "-1")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        two.here(two.other).execute("delete from users")


def test_the_remedy_for_who_may_act_as_the_owner_works(two: Two) -> None:
    owner, other = (sql.Identifier(name).as_string() for name in (two.owner, two.other))
    two.here(two.owner).execute("create table pupils ()")
    two.database.execute(f"grant {owner} to {other}")
    here = two.here(two.other)
    with here.engine().connect() as connection, pytest.raises(RefusedError) as refused:
        refuse_other_owner(connection, {"pupils"})
    match = re.search(r"\?(options=\S+) to DATABASE_URL", refused.value.remedy)
    assert match is not None
    url = here.url.update_query_dict({"options": parse_qs(match[1])["options"][0]})
    with ours.engine_for(url, application_name="test").connect() as connection:
        assert connection.exec_driver_sql("select current_user").scalar_one() == two.owner
        refuse_other_owner(connection, {"pupils"})
