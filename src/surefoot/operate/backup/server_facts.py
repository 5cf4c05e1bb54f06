"""The server of a database: URLs of other databases on it, its version, the role's rights, and its sessions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import errors, sql
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
FREE_CONNECTIONS = sa.text("""
    select least(
               current_setting('max_connections')::integer
               - current_setting('superuser_reserved_connections')::integer
               - coalesce(current_setting('reserved_connections', true)::integer, 0)
               - (select count(*) from pg_stat_activity where backend_type = 'client backend'),
               (select rolconnlimit - (select count(*) from pg_stat_activity where usename = current_user)
                  from pg_roles
                 where rolname = current_user and rolconnlimit >= 0),
               (select datconnlimit - (select count(*) from pg_stat_activity where datname = current_database())
                  from pg_database
                 where datname = current_database() and datconnlimit >= 0)
           )::integer as free
      from pg_roles
     where rolname = current_user and not rolsuper
""")
"""Without a row for a superuser, for whom some are reserved."""
OWNS = sa.text("select pg_has_role(current_user, datdba, 'USAGE') from pg_database where datname = :name")
OTHER_DATABASES = sa.text("""
    select datname
      from pg_database
     where datallowconn
       and has_database_privilege(oid, 'CONNECT')
     order by datname
""")
SESSIONS = sa.text("""
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
    """The connected role and its rights on this server; `version` is `server_version_num`."""

    version: int
    role: str
    may_create: bool
    superuser: bool

    @property
    def major(self) -> int:
        """Return the major version of the server."""
        return self.version // 10_000


def name_of(url: URL) -> str:
    """Return the name of the database in `url`."""
    return url.database or str(url.query["dbname"])


def url_for(url: URL, name: str) -> URL:
    """Return the URL of the database `name` with the same server and role."""
    return url.set(database=name, query={key: value for key, value in url.query.items() if key != "dbname"})


def address_of(url: URL) -> str:
    """Return host and port in words."""
    return f"{url.host or url.query.get('host') or 'local'}:{url.port or url.query.get('port') or 5432}"


@contextmanager
def explaining_errors(url: URL) -> Iterator[None]:
    """Raise errors of the driver in the block as our own, with a message and a remedy."""
    try:
        yield
    except sa.exc.DBAPIError as fault:
        error = database.explain(fault, url)
        raise _without_revision_hint(error) from fault


def _without_revision_hint(error: SurefootError) -> SurefootError:
    """Remove the hint of `explain` for migrations: here there is no revision to continue from."""
    remedy = error.remedy.replace(": it goes on from the last good revision.", ".")
    return type(error)(error.message, remedy)


@contextmanager
def connection_beside(url: URL) -> Iterator[Connection]:
    """Like `connect_beside`, for a block in which errors of the driver are explained."""
    with connect_beside(url) as connection, explaining_errors(url):
        yield connection


def connect_beside(url: URL) -> Connection:
    """Return a connection in AUTOCOMMIT to another database of the server, from which that of `url` can be renamed.

    Raises ConnectFailed if the role may connect to no other database.
    """
    first: sa.exc.DBAPIError | None = None
    for name in _others(url):
        engine = database.engine_for(url_for(url, name), application_name=f"{program()} backup")
        try:
            return engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except sa.exc.DBAPIError as fault:
            first = first or fault
    assert first is not None
    raise _without_revision_hint(database.explain(first, url)) from first


def _others(url: URL) -> Iterator[str]:
    """Yield the other databases of the server: those that usually exist, then those that the role may connect to."""
    common = ["postgres", "template1"]
    yield from (name for name in common if name != name_of(url))
    engine = database.engine_for(url, application_name=f"{program()} backup")
    try:
        with engine.connect() as connection:
            names = connection.execute(OTHER_DATABASES).scalars().all()
    except sa.exc.DBAPIError:  # the database of the URL does not exist, or the role may not connect to it either
        return
    yield from (name for name in names if name not in {*common, name_of(url)})


def rights(connection: Connection) -> Rights:
    """Return the role of `connection` and its rights."""
    return Rights(**connection.execute(RIGHTS).mappings().one())


def free_connections(connection: Connection) -> int | None:
    """Return how many more connections the role may open now; None for a superuser, for whom some are reserved."""
    free: int | None = connection.execute(FREE_CONNECTIONS).scalar_one_or_none()
    return free


def owns_database(connection: Connection, name: str) -> bool | None:
    """Return whether the role owns the database `name`, or is a member of its owner; None if it does not exist."""
    owns: bool | None = connection.execute(OWNS, {"name": name}).scalar_one_or_none()
    return owns


def list_sessions(connection: Connection, name: str) -> list[str]:
    """Return the sessions of the database `name`, each in words."""
    return [
        f"pid {row.pid} (application {row.application}, role {row.role}, from {row.host})"
        for row in connection.execute(SESSIONS, {"name": name})
    ]


def listed(items: list[str], limit: int = 5) -> str:
    """Return a list for a sentence, with at most `limit` items named."""
    return ", ".join(items[:limit]) + (f" and {len(items) - limit} more" if len(items) > limit else "")


def disconnect(connection: Connection, name: str) -> None:
    """End every session of the database `name`. Raises FailedError if the role may not."""
    pids = connection.execute(SESSIONS, {"name": name}).scalars().all()
    for pid in pids:
        try:
            connection.execute(sa.text("select pg_terminate_backend(:pid)"), {"pid": pid})
        except sa.exc.DBAPIError as fault:
            if not isinstance(fault.orig, errors.InsufficientPrivilege):
                raise
            raise FailedError(
                f"The role may not end the session of pid {pid} in {name}: {str(fault.orig).splitlines()[0]}.",
                "Stop that program yourself and run the same command again, or connect as a superuser.",
            ) from fault


def run_in_transaction(admin: Connection, statements: list[sql.Composed]) -> None:
    """Run the statements in one transaction, on a connection in AUTOCOMMIT."""
    admin.exec_driver_sql("begin")
    try:
        for statement in statements:
            database.execute_verbatim(admin, statement)
        admin.exec_driver_sql("commit")
    except BaseException:
        if not admin.invalidated:
            admin.exec_driver_sql("rollback")
        raise
