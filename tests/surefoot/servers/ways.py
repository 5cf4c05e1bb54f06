"""The ways to a school: directly or through a pooler, beside a standby, a subscriber or one who holds something."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from tests.ourschool.history.schools import BASELINE
from tests.support.databases import Database
from tests.support.servers import Server, pgbouncer, pgpool, proxy, standby
from tests.surefoot.faults.runs import holding
from tests.surefoot.roles.people import PASSWORD


@dataclass(frozen=True)
class School:
    """An existing school on a server, as its owner, who is no superuser, reaches it directly."""

    server: Server
    owner: str
    name: str

    def direct(self) -> URL:
        return self.server.over_tcp(self.owner, PASSWORD, self.name)

    def as_superuser(self) -> Database:
        return Database(self.server, self.server.url.set(database=self.name))


Way = Callable[[School, Path], AbstractContextManager[URL]]
"""How one gets to a school: yields the URL to use. The folder is for what that needs."""


@contextmanager
def directly(school: School, _: Path) -> Iterator[URL]:
    yield school.direct()


def through_pgbouncer(mode: str, **settings: str) -> Way:
    @contextmanager
    def way(school: School, _: Path) -> Iterator[URL]:
        with pgbouncer.pooled(school.server, mode, school.owner, **settings) as pool:
            yield pool.url(school.owner, school.name)

    return way


@contextmanager
def through_pgpool(school: School, _: Path) -> Iterator[URL]:
    with pgpool.balanced(school.server) as url:
        yield url.set(database=school.name, username=school.owner)


@contextmanager
def through_pgpool_with_a_standby(school: School, _: Path) -> Iterator[URL]:
    with standby.following(school.server, "second") as second, pgpool.balanced(school.server, second) as url:
        yield url.set(database=school.name, username=school.owner)


def with_a_standby(*, feedback: bool) -> Way:
    @contextmanager
    def way(school: School, _: Path) -> Iterator[URL]:
        setting = f"hot_standby_feedback = {'on' if feedback else 'off'}"
        with standby.following(school.server, "reading", setting):
            yield school.direct()

    return way


@contextmanager
def on_a_standby(school: School, _: Path) -> Iterator[URL]:
    with standby.following(school.server, "reading") as second:
        yield second.over_tcp(school.owner, PASSWORD, school.name)


@contextmanager
def beside_a_prepared_transaction(school: School, _: Path) -> Iterator[URL]:
    other = f"p_{uuid.uuid4().hex[:12]}"
    with school.server.connect() as admin:
        admin.execute("begin")
        admin.execute("select pg_current_xact_id()")
        admin.execute(sql.SQL("prepare transaction {}").format(other))
        try:
            yield school.direct()
        finally:
            admin.execute(sql.SQL("rollback prepared {}").format(other))


@contextmanager
def published_for_all_tables(school: School, _: Path) -> Iterator[URL]:
    at = Database(school.server, school.server.url.set(database=school.name))
    slot = f"s_{uuid.uuid4().hex[:12]}"
    at.execute(
        "create publication everything for all tables",
        f"select pg_create_logical_replication_slot('{slot}', 'pgoutput')",
    )
    try:
        yield school.direct()
    finally:
        at.execute(f"select pg_drop_replication_slot('{slot}')", "drop publication everything")


@contextmanager
def behind_a_slow_network(school: School, _: Path) -> Iterator[URL]:
    with proxy.proxied(school.server.port) as slow:
        slow.delay = 0.003
        yield school.direct().set(port=slow.port)


def with_connections_left(count: int, *, stamped: bool = False) -> Way:
    """All that the server allows are taken, but for so many, and the superusers' own. First it may be `stamped`."""

    @contextmanager
    def way(school: School, _: Path) -> Iterator[URL]:
        if stamped:
            Database(school.server, school.direct()).alembic("stamp", BASELINE)
        here = Database(school.server, school.direct().set(database="postgres"))
        with ExitStack() as taken:
            mine: list[psycopg.Connection] = []
            with suppress(psycopg.OperationalError):
                while True:
                    mine.append(taken.enter_context(here.connect()))
            for each in mine[:count]:
                each.close()
            yield school.direct()

    return way


@contextmanager
def with_a_dead_synchronous_standby(school: School, _: Path) -> Iterator[URL]:
    me = school.as_superuser()
    me.execute("alter system set synchronous_standby_names = 'nobody_there'", "select pg_reload_conf()")
    try:
        yield school.direct()
    finally:
        me.execute("alter system reset synchronous_standby_names", "select pg_reload_conf()")


def beside_an_idle_reader(*statements: str) -> Way:
    """Somebody ran these in a transaction, and has left it open."""

    @contextmanager
    def way(school: School, _: Path) -> Iterator[URL]:
        with holding(school.as_superuser(), *statements):
            yield school.direct()

    return way
