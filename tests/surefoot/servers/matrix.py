"""The kinds of servers that schools have: each makes an existing school behind it, and says how one gets there.

docs/servers.md has a line for each, with the outcome that stands here.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.ourschool.existing.rows import Size
from tests.ourschool.history.schools import SCRIPTS, make_existing
from tests.support import tls
from tests.support.databases import Database
from tests.support.servers import Server, pgbouncer, pgpool, running
from tests.surefoot.roles.people import PASSWORD
from tests.surefoot.servers.ways import (
    School,
    Way,
    behind_a_slow_network,
    beside_a_prepared_transaction,
    beside_an_idle_reader,
    directly,
    on_a_standby,
    published_for_all_tables,
    through_pgbouncer,
    through_pgpool,
    through_pgpool_with_a_standby,
    with_a_dead_synchronous_standby,
    with_a_standby,
    with_connections_left,
)

SIZE = Size(terms=2, student_assignments=60, attendance_records=60, conflicts=False)
PUPILS = """
    insert into users (email, username, hashed_password, first_name, last_name, role, is_active, created_at)
    select n || '@b', n, '', 'Zo\u00eb', '', 'student', true, now() from generate_series(1, 5) as n
"""
WORKS = "works"
NEAR = "3f1c9a7d52e4"
"""The revision to which the story upgrades first."""
ADOPT, UPGRADE, ENSURE = ("adopt",), ("upgrade", NEAR, "--yes", "--no-backup"), ("ensure",)


@dataclass(frozen=True)
class Kind:
    """One kind of server. `outcome` is WORKS or a part of the sentence that refuses."""

    outcome: str
    way: Way = directly
    database: str = ""
    """Options of `create database`."""
    settings: tuple[str, ...] = ()
    """What `alter database` sets."""
    server: tuple[str, ...] | None = None
    """Lines of postgresql.conf for a server of its own; None where that of the other tests will do."""
    first: tuple[tuple[str, ...], ...] = ()
    """Commands that work where the rest is refused."""
    refused: tuple[tuple[str, ...], ...] = (ADOPT, UPGRADE, ENSURE)
    waits: bool = False
    """Whether `outcome` is what is said while the command waits, until somebody ends it with Ctrl-C."""
    env: Mapping[str, str] = field(default_factory=dict)
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
    "publication for all tables, with a subscriber": Kind(
        "a subscriber stops for good", published_for_all_tables, server=("wal_level = logical",)
    ),
    "prepared transaction elsewhere": Kind(
        WORKS, beside_a_prepared_transaction, server=("max_prepared_transactions = 5",)
    ),
    "synchronous standby that is dead": Kind(
        "A commit waits for a synchronous standby (nobody_there), and none confirms it",
        with_a_dead_synchronous_standby,
        server=(),
        waits=True,
    ),
    "idle reader of a table": Kind(
        "a table is in use by pid",
        beside_an_idle_reader("select count(*) from users"),
        first=(ADOPT,),
        refused=(UPGRADE, ENSURE),
        env={"OURSCHOOL_LOCK_DEADLINE": "3"},
    ),
    "idle reader of an old snapshot": Kind(
        "in a transaction that began before and has to end first",
        beside_an_idle_reader("set transaction isolation level repeatable read", "select 1 from pg_class"),
        first=(ADOPT, UPGRADE),
        refused=(ENSURE,),
        env={"OURSCHOOL_LOCK_DEADLINE": "3"},
    ),
    "max_connections, six left": Kind(WORKS, with_connections_left(6), server=("max_connections = 20",)),
    "max_connections, one left": Kind(
        "has no connection free",
        with_connections_left(1, stamped=True),
        server=("max_connections = 20",),
        refused=(UPGRADE, ENSURE),
    ),
    "network that delays": Kind(WORKS, behind_a_slow_network),
    "TLS only": Kind(WORKS, needs=tls.needs_tls),
    "search_path = school, public": Kind(WORKS, settings=("search_path = school, public",)),
    "LATIN1": Kind(WORKS, database="encoding 'LATIN1' locale 'C'"),
    "SQL_ASCII": Kind(WORKS, database="encoding 'SQL_ASCII' locale 'C'"),
    "collation C": Kind(WORKS, database="encoding 'UTF8' locale 'C'"),
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
        elif kind.server is not None:
            server = stack.enter_context(running(18, *kind.server))
        else:
            server = newest
        school = stack.enter_context(existing(server, kind))
        url = stack.enter_context(kind.way(school, folder))
        yield Database(server, url.set(host="localhost").update_query_dict(query) if query else url)


@contextmanager
def existing(server: Server, kind: Kind, size: Size = SIZE) -> Iterator[School]:
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
                make_existing(owners, size, stamped=False)
            yield school
        finally:
            for (name,) in admin.execute(
                "select datname from pg_database where starts_with(datname, %s)", (school.name,)
            ).fetchall():
                admin.execute(f'drop database "{name}" with (force)')
