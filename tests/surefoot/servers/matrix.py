"""The kinds of servers that schools have: each makes an existing school behind it, and says how one gets there.

docs/servers.md has a line for each, with the outcome that stands here.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy.engine import URL

from tests.ourschool.existing.rows import Size
from tests.ourschool.history.schools import SCRIPTS, make_existing
from tests.support import tls
from tests.support.databases import Database
from tests.support.servers import Server, pgbouncer, pgpool, running, standby
from tests.surefoot.roles.people import PASSWORD

SIZE = Size(terms=2, student_assignments=60, attendance_records=60, conflicts=False)
PUPILS = """
    insert into users (email, username, hashed_password, first_name, last_name, role, is_active, created_at)
    select n || '@b', n, '', 'Zo\u00eb', '', 'student', true, now() from generate_series(1, 5) as n
"""
WORKS = "works"


@dataclass(frozen=True)
class School:
    """An existing school on a server, as its owner, who is no superuser, reaches it directly."""

    server: Server
    owner: str
    name: str

    def direct(self) -> URL:
        return self.server.over_tcp(self.owner, PASSWORD, self.name)


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


@dataclass(frozen=True)
class Kind:
    """One kind of server. `outcome` is WORKS or a part of the sentence that refuses."""

    outcome: str
    way: Way = directly
    database: str = ""
    """Options of `create database`."""
    settings: tuple[str, ...] = ()
    """What `alter database` sets."""
    needs: pytest.MarkDecorator | None = None


KINDS = {
    "direct": Kind(WORKS),
    "pgbouncer, session": Kind(WORKS, through_pgbouncer("session"), needs=pgbouncer.needs_pgbouncer),
    "pgbouncer, session, ignore_startup_parameters": Kind(
        WORKS, through_pgbouncer("session", ignore_startup_parameters="options"), needs=pgbouncer.needs_pgbouncer
    ),
    "pgbouncer, transaction": Kind(
        "is a pooler in transaction mode", through_pgbouncer("transaction"), needs=pgbouncer.needs_pgbouncer
    ),
    "pgbouncer, statement": Kind(
        "is a pooler in statement mode", through_pgbouncer("statement"), needs=pgbouncer.needs_pgbouncer
    ),
    "pgpool, one server": Kind(WORKS, through_pgpool, needs=pgpool.needs_pgpool),
    "pgpool, several servers": Kind("is pgpool", through_pgpool_with_a_standby, needs=pgpool.needs_pgpool),
    "primary with a standby": Kind(WORKS, with_a_standby(feedback=False)),
    "primary with a standby, hot_standby_feedback": Kind(WORKS, with_a_standby(feedback=True)),
    "standby": Kind("is read-only (a standby", on_a_standby),
    "publication for all tables, with a subscriber": Kind("a subscriber stops for good", published_for_all_tables),
    "prepared transaction elsewhere": Kind(WORKS, beside_a_prepared_transaction),
    "TLS only": Kind(WORKS, needs=tls.needs_tls),
    "search_path = school, public": Kind(WORKS, settings=("search_path = school, public",)),
    "LATIN1": Kind(WORKS, database="encoding 'LATIN1' locale 'C'"),
    "SQL_ASCII": Kind(WORKS, database="encoding 'SQL_ASCII' locale 'C'"),
    "collation of ICU": Kind(
        WORKS,
        database="locale_provider icu icu_locale 'de-DE' locale 'C.UTF-8'",
        needs=tls.needs_tls,
    ),
    "German settings": Kind(
        WORKS,
        settings=(
            "datestyle = 'German'",
            "intervalstyle = 'postgres_verbose'",
            "timezone = 'Asia/Kathmandu'",
            "client_encoding = 'LATIN1'",
        ),
    ),
}


@contextmanager
def school_on(kind: Kind, newest: Server, folder: Path) -> Iterator[Database]:
    """An existing school, as its owner gets to it."""
    with ExitStack() as stack:
        query: dict[str, str] = {}
        if kind is KINDS["TLS only"]:
            server, authority = stack.enter_context(tls.tls_only(folder))
            query = {"sslmode": "verify-full", "sslrootcert": str(authority)}
        elif kind is KINDS["collation of ICU"]:  # the wheel's servers have none
            server = stack.enter_context(running(tls.servers()[0]))
        elif kind.way in {published_for_all_tables, beside_a_prepared_transaction}:
            server = stack.enter_context(running(18, "wal_level = logical", "max_prepared_transactions = 5"))
        else:
            server = newest
        school = stack.enter_context(existing(server, kind))
        url = stack.enter_context(kind.way(school, folder))
        yield Database(server, url.set(host="localhost").update_query_dict(query) if query else url)


@contextmanager
def existing(server: Server, kind: Kind) -> Iterator[School]:
    """A school that its owner has made by hand, with rows."""
    school = School(server, f"o_{uuid.uuid4().hex[:10]}", f"m_{uuid.uuid4().hex[:10]}")
    with server.connect() as admin:
        admin.execute(f"create role {school.owner} login password '{PASSWORD}'")
        admin.execute(f"create database {school.name} owner {school.owner} template template0 {kind.database}")
        for setting in ("timezone = 'America/Chicago'", *kind.settings):
            admin.execute(f"alter database {school.name} set {setting}")
        try:
            here = Database(server, server.url.set(database=school.name))
            here.execute(f"create schema if not exists school authorization {school.owner}")
            owners = Database(server, here.url.set(username=school.owner))
            if kind is KINDS["LATIN1"]:  # which has no room for the names of the others
                owners.psql(*(part for script in SCRIPTS for part in ("-f", str(script))))
                owners.execute(PUPILS)
            else:
                make_existing(owners, SIZE, stamped=False)
            yield school
        finally:
            for (name,) in admin.execute(
                "select datname from pg_database where starts_with(datname, %s)", (school.name,)
            ).fetchall():
                admin.execute(f'drop database "{name}" with (force)')
