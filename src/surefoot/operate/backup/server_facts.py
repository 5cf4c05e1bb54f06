"""The server under a database: its URL for another database, its version, what the role may do, who is connected."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.errors import FailedError, SurefootError
from surefoot.program import program

RIGHTS = sa.text("""
    select current_setting('server_version_num')::integer as version,
           current_user as role,
           rolsuper or rolcreatedb as may_create,
           rolsuper as superuser
      from pg_roles
     where rolname = current_user
""")
OWNED = sa.text("select pg_has_role(current_user, datdba, 'USAGE') from pg_database where datname = :name")
OTHERS = sa.text("""
    select datname
      from pg_database
     where datallowconn
       and has_database_privilege(oid, 'CONNECT')
     order by datname
""")
CONNECTED = sa.text("""
    select pid,
           coalesce(nullif(application_name, ''), 'without a name') as application,
           usename as role,
           coalesce(host(client_addr), 'local') as host
      from pg_stat_activity
     where datname = :name
       and pid <> pg_backend_pid()
       and backend_type in ('client backend', 'walsender')
     order by pid
""")


@dataclass(frozen=True)
class Rights:
    """What the connecting role is and may do on this server."""

    version: int
    role: str
    may_create: bool
    superuser: bool

    @property
    def major(self) -> int:
        """The server's major version."""
        return self.version // 10_000


def name_of(url: URL) -> str:
    """The database that `url` names."""
    return url.database or str(url.query["dbname"])


def at(url: URL, name: str) -> URL:
    """The same server and role, database `name`."""
    return url.set(database=name, query={key: value for key, value in url.query.items() if key != "dbname"})


def place_of(url: URL) -> str:
    """Host and port for a person."""
    return f"{url.host or url.query.get('host') or 'local'}:{url.port or url.query.get('port') or 5432}"


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn the driver's faults inside into ours: a sentence and a remedy."""
    try:
        yield
    except sa.exc.DBAPIError as fault:
        meaning = database.explain(fault, url)
        raise _told(meaning) from fault


def _told(meaning: SurefootError) -> SurefootError:
    """`explain` speaks to one who migrates; here there is no revision to go on from."""
    remedy = meaning.remedy.replace(": it goes on from the last good revision.", ".")
    return type(meaning)(meaning.message, remedy)


@contextmanager
def beside(url: URL) -> Iterator[Connection]:
    """`connect_beside` for a block, whose faults of the driver are explained."""
    with connect_beside(url) as connection, explained(url):
        yield connection


def connect_beside(url: URL) -> Connection:
    """A connection in AUTOCOMMIT to another database of the same server, from where that of `url` can be renamed.

    Raises ConnectFailed where no other database lets the role in.
    """
    first: sa.exc.DBAPIError | None = None
    for name in _others(url):
        engine = database.engine_for(at(url, name), application_name=f"{program()} backup")
        try:
            return engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except sa.exc.DBAPIError as fault:
            first = first or fault
    assert first is not None
    raise _told(database.explain(first, url)) from first


def _others(url: URL) -> Iterator[str]:
    """The other databases of the server: those that are everywhere, then those that let the role in."""
    usual = ["postgres", "template1"]
    yield from (name for name in usual if name != name_of(url))
    engine = database.engine_for(url, application_name=f"{program()} backup")
    try:
        with engine.connect() as connection:
            names = connection.execute(OTHERS).scalars().all()
    except sa.exc.DBAPIError:  # there is none of that name, or it is not to be had either
        return
    yield from (name for name in names if name not in {*usual, name_of(url)})


def rights(connection: Connection) -> Rights:
    """What the role of `connection` is and may do."""
    return Rights(**connection.execute(RIGHTS).mappings().one())


def owns(connection: Connection, name: str) -> bool | None:
    """Whether the role owns the database `name`, or belongs to the role that does; None where there is none."""
    found: bool | None = connection.execute(OWNED, {"name": name}).scalar_one_or_none()
    return found


def connected(connection: Connection, name: str) -> list[str]:
    """Who is connected to the database `name`, each in words."""
    return [
        f"pid {row.pid} (application {row.application}, role {row.role}, from {row.host})"
        for row in connection.execute(CONNECTED, {"name": name})
    ]


def listed(who: list[str], most: int = 5) -> str:
    """A list for a sentence."""
    return ", ".join(who[:most]) + (f" and {len(who) - most} more" if len(who) > most else "")


def disconnect(connection: Connection, name: str) -> None:
    """End every session of the database `name`. Raises FailedError where the role may not."""
    pids = connection.execute(CONNECTED, {"name": name}).scalars().all()
    for pid in pids:
        try:
            connection.execute(sa.text("select pg_terminate_backend(:pid)"), {"pid": pid})
        except sa.exc.DBAPIError as fault:
            if getattr(fault.orig, "sqlstate", None) != "42501":
                raise
            raise FailedError(
                f"The role may not end the session of pid {pid} in {name}: {str(fault.orig).splitlines()[0]}.",
                "Stop that program yourself and run the same command again, or connect as a superuser.",
            ) from fault


def run_together(admin: Connection, statements: list[sql.Composed]) -> None:
    """All of the statements in one transaction, on a connection in AUTOCOMMIT."""
    admin.exec_driver_sql("begin")
    try:
        for statement in statements:
            database.execute_verbatim(admin, statement)
        admin.exec_driver_sql("commit")
    except BaseException:
        if not admin.invalidated:
            admin.exec_driver_sql("rollback")
        raise
