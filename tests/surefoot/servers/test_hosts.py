"""Every form of a URL that psql takes, and one server among several for the whole of a command."""

import itertools
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from ourschool.project import PROJECT
from surefoot import database as ours
from surefoot.errors import ConnectFailed, RefusedError
from surefoot.operate.ensure import ensure_current
from surefoot.servers import libpq
from tests.support.databases import Database
from tests.support.servers import Server, running

PASSWORD = "p,w@x:1"
TYPED = "p%2Cw%40x%3A1"
TABLES = "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
LOCKS = "select count(*) from pg_locks where locktype = 'advisory'"


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


def test_several_hosts_that_the_environment_names_are_one_for_a_command(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As libpq reads it for each connection, and for each program that a command starts."""
    for name, value in {
        "PGHOST": "127.0.0.1,127.0.0.1", "PGPORT": f"{pair.one.port},{pair.two.port}", "PGUSER": pair.database,
        "PGPASSWORD": PASSWORD, "PGLOADBALANCEHOSTS": "random",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    url = ours.one_server(ours.parse(f"postgresql:///{pair.database}"))
    assert (url.host, url.port in {pair.one.port, pair.two.port}) == ("127.0.0.1", True)
    ports = set()
    for _ in range(6):
        with ours.engine_for(url, application_name="test").connect() as connection:
            ports.add(ours.driver_of(connection).info.port)
    assert ports == {url.port}
    assert libpq.process_environment(url)["PGPORT"] == str(url.port)


def test_a_name_with_several_addresses_is_one_of_them(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ours.parse(f"postgresql://{pair.database}:{TYPED}@localhost:{pair.one.port}/{pair.database}")
    assert ours.one_server(given) == given
    resolved = socket.getaddrinfo

    def resolve(*arguments: Any, **words: Any) -> Any:
        found = resolved(*arguments, **words)
        another = [(2, 1, 6, "", (address, pair.one.port)) for address in ("192.0.2.1", "192.0.2.2")]
        return [*found, *another]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    url = ours.one_server(given)
    assert (url.host, url.query["hostaddr"]) == ("localhost", "127.0.0.1")


def test_an_engine_that_reaches_now_one_and_now_another_server_is_refused(pair: Pair) -> None:
    turns = itertools.cycle((pair.one, pair.two))

    def connect() -> psycopg.Connection:
        server = next(turns)
        return psycopg.connect(host="127.0.0.1", port=server.port, user=pair.database, password=PASSWORD,
                               dbname=pair.database)  # fmt: skip

    engine = sa.create_engine("postgresql+psycopg://", creator=connect, poolclass=sa.NullPool)
    before = [pair.on(server, TABLES) for server in (pair.one, pair.two)]
    with pytest.raises(RefusedError, match="reaches several servers"):
        ensure_current(engine, PROJECT)
    assert [pair.on(server, TABLES) for server in (pair.one, pair.two)] == before
    assert [pair.on(server, LOCKS) for server in (pair.one, pair.two)] == [0, 0]


def test_nobody_at_any_of_them_is_one_sentence() -> None:
    with pytest.raises(ConnectFailed):
        ours.one_server(ours.parse("postgresql://u:p@127.0.0.1:1,127.0.0.1:2/db"))
