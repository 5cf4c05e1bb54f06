"""Every form of a URL that psql takes, and one server among several for the whole of a command."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from psycopg import sql

from surefoot import database as ours
from surefoot.errors import ConnectFailed
from tests.support.databases import Database
from tests.support.servers import Server, running

PASSWORD = "p,w@x:1"
TYPED = "p%2Cw%40x%3A1"


@dataclass(frozen=True)
class Pair:
    """Two servers with the same database and role, and which is not the other."""

    one: Server
    two: Server
    database: str

    def on(self, server: Server, query: str) -> object:
        return Database(server, server.url.set(database=self.database)).value(query)


@pytest.fixture(scope="module")
def pair(newest: Server) -> Iterator[Pair]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    with running(16) as two:
        for server in (newest, two):
            with server.connect() as admin:
                admin.execute(
                    sql.SQL("create role {} login superuser password {}").format(sql.Identifier(name), PASSWORD)
                )
                admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield Pair(newest, two, name)
        with newest.connect() as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
            admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def forms(pair: Pair) -> dict[str, str]:
    """The first server in each form that psql takes; before it, where there is a list, a port where nobody listens."""
    name, port = pair.database, pair.one.port
    return {
        "hosts": f"postgresql://{name}:{TYPED}@127.0.0.1:1,127.0.0.1:{port}/{name}?target_session_attrs=read-write",
        "driver": f"postgresql+psycopg://{name}:{TYPED}@127.0.0.1:1,127.0.0.1:{port}/{name}",
        "query": f"postgresql:///{name}?host=127.0.0.1,127.0.0.1&port=1,{port}&user={name}&password={TYPED}",
        "repeated": f"postgresql:///{name}?host=127.0.0.2&host=127.0.0.1&port=1&port={port}&user={name}&password={TYPED}",
        "pairs": f"host=127.0.0.1 port={port} dbname={name} user={name} password='{PASSWORD}'",
        "address": f"postgresql://{name}:{TYPED}@school.example:{port}/{name}?hostaddr=127.0.0.1",
    }


@pytest.mark.parametrize("form", ["hosts", "driver", "query", "repeated", "pairs", "address"])
def test_a_form_that_psql_takes_is_taken(pair: Pair, form: str) -> None:
    here = Database(pair.one, pair.one.url.set(database=pair.database))
    env = {"DATABASE_URL": forms(pair)[form]}
    assert here.alembic("current", env=env).returncode == 0
    for words in (("ourschool", "status"), ("ourschool", "psql", "-Atc", "select 1")):
        process = here.start(*words[1:], program=words[0], env=env)
        said, _ = process.communicate(timeout=60)
        assert process.returncode in {0, 1}, said
        assert "Traceback" not in said
        assert PASSWORD not in said


def test_one_command_works_on_one_server(pair: Pair) -> None:
    name = pair.database
    hosts = f"127.0.0.1:{pair.one.port},127.0.0.1:{pair.two.port}"
    url = f"postgresql://{name}:{TYPED}@{hosts}/{name}?load_balance_hosts=random"
    here = Database(pair.one, pair.one.url.set(database=name))
    for _ in range(4):
        process = here.start("upgrade", "cd0edd614cc5", env={"DATABASE_URL": url})
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        process = here.start("downgrade", "base", env={"DATABASE_URL": url})
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
    for server in (pair.one, pair.two):
        odd = "select count(*) from migration_journal where outcome <> 'done'"
        if pair.on(server, "select to_regclass('migration_journal')") is not None:
            assert pair.on(server, odd) == 0


def test_nobody_at_any_of_them_is_one_sentence() -> None:
    with pytest.raises(ConnectFailed):
        ours.one_server(ours.parse("postgresql://u:p@127.0.0.1:1,127.0.0.1:2/db"))
