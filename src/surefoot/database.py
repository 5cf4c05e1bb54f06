"""Parses database URLs, creates engines, and translates errors of the server."""

import os
import re
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.pool import NullPool

from surefoot import wording
from surefoot.errors import ConnectFailed, FailedError, ServerUnavailable, SurefootError, UsageError
from surefoot.program import program
from surefoot.servers import hosts, libpq, pooler, refusal, server_limits
from surefoot.servers.timed_query import LIMITS
from surefoot.settings import URL_SCHEME, Settings

DRIVER = "postgresql+psycopg"
RELIED_ON = {
    "row_security": "off",  # PostgreSQL raises an error instead of leaving out rows that row security hides
    "client_encoding": "UTF8",
    "datestyle": "ISO",  # the order of day and month stays that of the database: it decides what a text means
    "intervalstyle": "postgres",
}
"""The settings of every session, whatever the database or role set: the driver, SQLAlchemy or we depend on them."""
ENDING = ("idle_session_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")
"""The settings by which the server ends a session that waits for another one of ours, or for an answer to a question.

What a role or a database sets of them is for applications. `transaction_timeout` is new in PostgreSQL 17.
"""
STARTING = r"starting up|shutting down|recovery mode|not yet accepting connections"
ABSENT = r"Connection refused|No such file or directory|could not translate|Name or service|timeout expired|timed out"
"""What the server, or libpq, says where a moment later may be another matter."""
WRONG_PASSWORD = "password authentication failed"  # noqa: S105  # none, but what the server says
NO_DATABASE = r'database ".*" does not exist'
NONE_FREE = "too many clients|too many connections|remaining connection slots"
BY_STATE = {"28P01": WRONG_PASSWORD, "3D000": NO_DATABASE, "53300": NONE_FREE, "57P03": STARTING}
"""What the server says in English, by SQLSTATE."""
ONE_AT = re.compile(r"([^@:/?]*(:[^@]*)?@)?[^@?]*(\?([^@=]*=.*)?)?", flags=re.DOTALL)
"""What may follow `://`. Another @ outside the query belongs to the password, and has to be percent-encoded."""


def url_of(settings: Settings) -> URL:
    """Return the URL of the database in `settings`, and start the embedded server where they ask for it.

    Raises UsageError where the URL is missing, malformed or for another dialect; EmbeddedMissing without the extra
    `embedded`; FailedError where that server does not start.
    """
    text = settings.database_url
    if text is None:
        raise UsageError(
            "DATABASE_URL is not set, neither in the environment nor in .env.",
            "Copy .env.example to .env, or set DATABASE_URL=postgresql://user:password@host:5432/database.",
        )
    if text == "embedded" or text.startswith("embedded:"):
        from surefoot.servers import embedded  # noqa: PLC0415  # an optional extra

        _, _, folder = text.partition(":")
        return embedded.start(Path(folder).expanduser() if folder else settings.project.workplace / ".postgres")
    return one_server(parse(text))


def one_server(url: URL) -> URL:
    """Return `url` with the one server that a connection reaches, where several may be meant. Raises as `explain` does.

    They are in the URL, in the variables that libpq reads (PGHOST), or behind one name.
    """
    if not hosts.several({place: libpq.effective_setting(url, place) for place in ("host", "hostaddr", "port")}):
        return url
    try:
        with engine_for(url, application_name=program()).connect() as connection:
            return hosts.pinned(url, driver_of(connection))
    except sa.exc.DBAPIError as fault:
        raise explain(fault, url) from fault


def parse(text: str) -> URL:
    """Parse a URL in any of its spellings, or libpq's key=value pairs, and return it as a URL for psycopg 3.

    The parameters of a service are added to it. Raises UsageError, which shows the URL without its password.
    """
    scheme, separator, rest = text.partition("://")
    if separator and not URL_SCHEME.match(text) and re.fullmatch(r"[\w+.-]+", scheme):
        raise UsageError(
            f"DATABASE_URL begins with {scheme}://, but {program()} runs on PostgreSQL only, through psycopg 3.",
            "Use postgresql://user:password@host:5432/database.",
        )
    url = None
    if not separator or ONE_AT.fullmatch(rest):
        try:
            url = hosts.read(text, DRIVER) if hosts.needs_libpq(text) else None
            url = url or (make_url(text) if separator else None)
        except (sa.exc.ArgumentError, ValueError):
            url = None
    if url is None:
        raise UsageError(
            f"DATABASE_URL is not a URL: {hide_password(text)!r}.",
            "Use postgresql://user:password@host:5432/database; in a password write @ as %40, : as %3A, / as %2F, "
            "# as %23, ? as %3F, % as %25.",
        )
    if "service" in url.query or os.environ.get("PGSERVICE"):
        url = libpq.resolve_service(url)
    if not url.database and "dbname" not in url.query:
        raise UsageError(
            f"DATABASE_URL names no database: {hide_password(text)!r}.",
            "Add its name at the end: postgresql://user:password@host:5432/database.",
        )
    return url.set(drivername=DRIVER)


def hide_password(text: str) -> str:
    """Return `text`, which may be malformed, with whatever may be a password in it replaced by ***."""
    text = re.sub(r"(password\s*=).*", r"\1***", text, flags=re.IGNORECASE | re.DOTALL)
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    login, at, address = rest.rpartition("@")
    if at:
        user, colon, _ = login.partition(":")
        return f"{scheme}{separator}{user}{':***' if colon else ''}@{address}"
    # without @ a colon is followed by a port, or by a password where the host was forgotten
    return scheme + separator + re.sub(r"^([^:/]*):(?!\d*([/?]|$)).*", r"\1:***", rest, flags=re.DOTALL)


def engine_for(
    url: URL,
    *,
    application_name: str,
    options: dict[str, str] | None = None,
    answer_timeout: float | None = None,
) -> Engine:
    """Return an engine without a pool, for the few connections of a command.

    `options` are settings of each session from its start, such as `lock_timeout`; `options=` in the URL takes
    precedence. Each session has the settings RELIED_ON, whatever the URL, the role or the database set: with
    row_security off, PostgreSQL raises 42501 instead of leaving out rows. `answer_timeout`, in seconds, is for sessions
    with short statements: where nothing comes back for so long they are given up. What is in ENDING is off, unless
    `options` or those of the URL say otherwise.
    """
    given = " ".join(f"-c {name}={value}" for name, value in (options or {}).items())
    session_options = f"{given} {url.query.get('options', '')}".strip()
    if session_options:  # not sent for RELIED_ON alone; sent, they survive RESET ALL
        relied_on = (f" -c {name}={value}" for name, value in RELIED_ON.items() if name != "client_encoding")
        session_options += "".join(relied_on)
    arguments: dict[str, str | int] = {"options": session_options, "client_encoding": RELIED_ON["client_encoding"]}
    if "application_name" not in url.query:
        arguments["application_name"] = application_name
    arguments |= {name: value for name, value in LIMITS.items() if name not in url.query}
    engine = sa.create_engine(url, poolclass=NullPool, connect_args=arguments)
    off = [name for name in ENDING if f"{name}=" not in session_options]
    sa.event.listen(engine, "do_connect", pooler.Connector(RELIED_ON, answer_timeout, off))
    return engine


def check_reachable(engine: Engine) -> None:
    """Connect once and leave again. Raises as `explain` does: ServerUnavailable where nobody answers yet."""
    try:
        engine.connect().close()
    except sa.exc.DBAPIError as fault:
        raise explain(fault, engine.url) from fault


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    """Return the psycopg connection beneath `connection`, for statements that SQLAlchemy must not see.

    The connection may be that of an async application, inside `run_sync`. Raises UsageError for another driver.
    """
    driver = connection.connection.driver_connection
    if isinstance(driver, psycopg.Connection):
        return driver
    from surefoot.servers import async_driver  # noqa: PLC0415  # most applications are not async

    return async_driver.driver_of(connection)


def server_major(connection: Connection) -> int:
    """Return the major version of the server, without a query."""
    return driver_of(connection).info.server_version // 10_000


def execute_verbatim(connection: Connection, statement: str | sql.Composable) -> sa.CursorResult[Any]:
    """Run a statement without parameters, in which a percent sign or a colon, as in a quoted name, is literal."""
    text = statement if isinstance(statement, str) else statement.as_string()
    return connection.exec_driver_sql(text, execution_options={"no_parameters": True})


def explain(fault: sa.exc.DBAPIError, url: URL) -> SurefootError:
    """Translate an error of the server or the connection into one of ours, with a remedy and without a password."""
    text = " ".join(str(fault.orig).split())
    state = getattr(fault.orig, "sqlstate", None)
    where = f"{url.database or '?'} at {_server(url)}"
    # without a statement it may be a parameter that libpq does not know, or a value that it does not take
    unsent = state is None and (isinstance(fault.orig, psycopg.OperationalError) or fault.statement is None)
    if unsent or (state == "08P01" and re.search(pooler.NO_SERVER, text)):
        return _connect_failed(text, url)
    if state == "08P01" and pooler.NO_TRANSACTIONS in text:
        return pooler.shared(_server(url), "statement")
    if state == "25006":
        return read_only(url)
    if state == "42501":
        from surefoot.servers import permission_denied  # noqa: PLC0415  # only who is denied something needs it

        return permission_denied.explain_denied(
            fault, libpq.effective_setting(url, "user"), where, lambda query, name: _look_up(url, query, name)
        )
    limit = server_limits.explain(fault.orig, where)
    if limit is not None:
        return FailedError(*limit)
    return FailedError(
        f"The server refused a statement in {where}: {_first_line(fault)}.",
        "Mend what it names and run the same command again: it goes on from the last good revision.",
    )


def _look_up(url: URL, query: str, name: str | None) -> sa.Row[Any] | None:
    """Query one row about the object `name` on a new connection; return None where that fails."""
    if name is None:
        return None
    try:
        with engine_for(url, application_name=program()).connect() as connection:
            return connection.execute(sa.text(query), {"name": name}).first()
    except sa.exc.DBAPIError:
        return None


def read_only(url: URL) -> FailedError:
    """Return the error for a server that accepts no writes."""
    return FailedError(
        f"The server of {describe(url)} is read-only (a standby, or default_transaction_read_only is on).",
        "Point DATABASE_URL at the primary; target_session_attrs=read-write in the URL finds it among several.",
    )


def _connect_failed(text: str, url: URL) -> SurefootError:
    """Translate an error from before the session existed: libpq has no SQLSTATE for it, only text."""
    server, user = _server(url), libpq.effective_setting(url, "user")
    patterns = (
        (r"no password supplied", f"{server} wants a password of the user {user!r}, and none was given",
         "Add it to DATABASE_URL (special characters percent-encoded, @ as %40), set PGPASSWORD, or use a password "
         "file (PGPASSFILE)."),
        (WRONG_PASSWORD,
         f"{server} rejected the user {user!r} or its password",
         "Correct user or password in DATABASE_URL (special characters percent-encoded, @ as %40)."),
        (NO_DATABASE, f"There is no database {url.database!r} at {server}",
         f"Create it: createdb {_quoted(url.database)}, or correct the name in DATABASE_URL."),
        (r'role ".*" does not exist', f"There is no role {user!r} at {server}",
         "Correct the user in DATABASE_URL, or create the role."),
        (NONE_FREE, f"{server} has no connection free",
         "Try again when others have left, or raise max_connections (or the connection limit of the role or the "
         "database); a migration needs two connections."),
        (r"session is read-only|server is in hot standby|session is not read-only", f"{server} accepts no writes",
         "Point DATABASE_URL at the primary."),
        (r"no answer from the server within", f"There was no answer from {server}",
         "Look at the network and at what stands before the server, such as a pooler, then run the same command again: "
         "it goes on from the last good revision."),
        (pooler.NO_SERVER, f"The pooler at {server} has no session of its server for us",
         "Its server may be down, or others have all sessions: SHOW POOLS in the pooler's console tells. Then run the "
         "same command again: it goes on from the last good revision."),
        (STARTING, f"{server} is starting or stopping",
         "Run the same command again in a moment."),
        (ABSENT,
         f"No PostgreSQL answers at {server}", "Start the server, or correct host and port in DATABASE_URL."),
        (r"server closed the connection|connection is lost|consuming input failed|terminating connection|closed",
         f"The connection to {server} was lost",
         "Run the same command again: it goes on from the last good revision."),
    )  # fmt: skip
    known = next((each for each in patterns if re.search(each[0], text, flags=re.IGNORECASE)), None)
    if known is None:  # the server may speak another language
        said = BY_STATE.get(refusal.sqlstate(url) or "")
        known = next((each for each in patterns if each[0] == said), None)
    if known is not None:
        pattern, message, remedy = known
        kind = ServerUnavailable if pattern in {STARTING, ABSENT, pooler.NO_SERVER} else ConnectFailed
        return kind(f"{message}.", remedy)
    return ConnectFailed(f"Cannot connect to {server}: {text[:300]}.", "Correct DATABASE_URL, or what the server says.")


def describe(url: URL) -> str:
    """Return database, host and port for a message: `school at localhost:5432`, never with the password."""
    return f"{url.database or '?'} at {_server(url)}"


def announcement(url: URL, source: str) -> str:
    """Return the first line of a command: which database it works on, and where its URL comes from."""
    return wording.announcement(describe(url), source)


def _server(url: URL) -> str:
    """Return host and port as libpq uses them; a host that is a folder contains the server's socket."""
    parameters = libpq.parameters(url)
    return f"{parameters.get('host') or 'the local socket'}:{parameters.get('port') or 5432}"


def _first_line(fault: sa.exc.DBAPIError) -> str:
    return str(fault.orig).splitlines()[0].rstrip(".") if str(fault.orig) else type(fault.orig).__name__


def _quoted(name: str | None) -> str:
    return psycopg.sql.Identifier(name or "?").as_string()
