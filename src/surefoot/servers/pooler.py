"""A connection that may come through a pooler: what is asked for in it is had, or there is no connection.

A pooler refuses or drops start-up parameters that it does not know, and in transaction or statement mode it hands the
server's session to somebody else as soon as a transaction ends: no lock and no setting of ours would hold there, and
what was set would be left to others. In session mode a session is its client's until that one goes.

pgpool sends what reads to any of several servers, a standby that is behind included: what a migration reads would not
be what it wrote.
"""

import re
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import psycopg
from psycopg import pq, sql

from surefoot.errors import ConnectFailed, RefusedError
from surefoot.program import program
from surefoot.servers import timed_query
from surefoot.servers.answering import AnsweringConnection

REFUSED_PARAMETER = "unsupported startup parameter"
"""What pgbouncer says of `options`; since 1.20 only where one of them is not its own to track."""
NO_TRANSACTIONS = "transaction blocks not allowed in statement pooling mode"
NO_SERVER = r"server login has been failing|server_login_retry|query_wait_timeout|cannot connect to server|conn crashed"
"""What pgbouncer says, instead of an answer, where it has no session for its client: a moment later it may have one."""
OPTION = re.compile(r"(?:-c\s*|--)([\w.-]+)=((?:\\.|\S)*)")
"""One setting in libpq's `options`, where a backslash stands before a space that is part of the value."""
SECOND_SESSION = 10.0
"""Seconds that a pooler has for a second session, before it counts as having none left."""
TRANSACTION_TIMEOUT = 170_000
"""The first version of the server that has it."""
FIRST_ANSWER = 60.0
"""Seconds that the server has for its first answer: a pooler lets a client in before it has a session for it."""
OWN = "select pg_backend_pid()"
WHOSE = "pg_backend_pid(), inet_client_port()"
WHO = f"select {WHOSE}"
PGLITE = re.compile("pglite|emscripten|wasm", re.IGNORECASE)
"""What its version() says: of what it is made, and in later versions its name."""
PGPOOL = ("show pool_version", "show pool_nodes", "pgpool show load_balance_mode")
"""What pgpool answers itself, and a server refuses."""


class Connector:
    """Makes the psycopg connections of one engine: `do_connect` of SQLAlchemy's dialect events.

    Each of `settings`, by name, is set in every connection and holds in it, and those that `off` names are 0. What
    `options` says is a start-up parameter of the server's, and is set afterwards where a pooler refuses or drops it.
    With `answer_timeout` (s) a connection is given up where nothing has come back for so long, for as long as it lives.
    """

    def __init__(
        self, settings: Mapping[str, str], answer_timeout: float | None = None, off: Iterable[str] = ()
    ) -> None:
        self._settings = {**settings, **dict.fromkeys(off, "0")}
        self._answer_timeout = answer_timeout
        self._exclusive = False
        """Whether this engine's pooler was found to leave a session to its client; asked once, for it costs a trip."""
        self._suitable = False
        """Whether neither PGlite was found, nor a pgpool that divides a session among servers; asked once as well."""

    def __call__(self, _: object, __: object, arguments: list[Any], parameters: dict[str, Any]) -> psycopg.Connection:
        """Connect, and return the connection with its settings made. `parameters` are those of psycopg.connect.

        Raises RefusedError where a pooler shares the session, ConnectFailed where it has none left or where a setting
        does not stay, NoAnswer where a pooler lets us in and nothing comes from the server.
        """
        driver = _connect(arguments, parameters)
        driver.answer_limit = self._answer_timeout or FIRST_ANSWER
        try:
            driver.autocommit = True
            if driver.info.server_version < TRANSACTION_TIMEOUT:
                self._settings.pop("transaction_timeout", None)
            pid, port = _set_directly(driver, self._settings)
            if not self._suitable and _is_between(driver, pid, port):
                refuse_between(driver, _where(driver))
            self._suitable = True
            if pid != driver.info.backend_pid:
                self._through_a_pooler(driver, arguments, parameters)
            driver.autocommit = False
            driver.answer_limit = self._answer_timeout
        except BaseException:
            driver.close()
            raise
        return driver

    def _through_a_pooler(self, driver: AnsweringConnection, arguments: list[Any], parameters: dict[str, Any]) -> None:
        where = _where(driver)
        if not self._exclusive:
            refuse_shared(driver, lambda: _connect(arguments, parameters), where)
            self._exclusive = True
        driver.is_lent = True
        wanted = _set(driver, {**_options(str(parameters.get("options") or "")), **self._settings})
        current = _current(driver, wanted)
        for name, value in wanted.items():
            if current[name] != value:
                raise ConnectFailed(
                    f"What is set in a session does not stay at {where}: {name} is {current[name]!r}, not {value!r}.",
                    "Connect to the server itself, or through a pooler in session mode.",
                )


def is_direct(driver: psycopg.Connection, pid: int, port: int | None) -> bool:
    """Return whether `driver` has one server at its other end as long as it stands, with perhaps a router between.

    `pid` is that of the server process that answered, `port` the one of its client. A pooler in session mode counts as
    none: it takes more than these to tell its mode.
    """
    if pid != driver.info.backend_pid:
        return False
    if _is_between(driver, pid, port):
        try:
            refuse_between(driver, _where(driver))
        except RefusedError:
            return False
    return True


def is_pooled(driver: psycopg.Connection) -> bool:
    """Return whether something stands between us and the server: it told another pid than the server's own process."""
    return driver.info.backend_pid != server_pid(driver)


def refuse_unsuitable(driver: psycopg.Connection) -> None:
    """Raise RefusedError as `refuse_between` does, if anything stands between us and the server."""
    row = driver.execute(WHO, prepare=False).fetchone()
    assert row is not None
    if _is_between(driver, *row):
        refuse_between(driver, _where(driver))


def refuse_between(driver: psycopg.Connection, where: str) -> None:
    """Raise RefusedError where pgpool at `where` sends what `driver`, outside a transaction, reads to several servers.

    So it does for PGlite, whose clients have one session together. A server behind another go-between answers with an
    error that it does not know what is asked.
    """
    ((text,),) = timed_query.fetch(driver, "select version()", SECOND_SESSION)
    if PGLITE.search(text or ""):
        raise RefusedError(
            f"At {where} is PGlite: all its clients have one session, or only one at a time is served, so that neither "
            "a lock nor a setting would hold. Nothing was changed.",
            "Use a server: DATABASE_URL=embedded starts one without an installation.",
        )
    try:
        (version, *_), *_ = timed_query.fetch(driver, PGPOOL[0], SECOND_SESSION)
        nodes = timed_query.fetch(driver, PGPOOL[1], SECOND_SESSION)
        balances = timed_query.fetch(driver, PGPOOL[2], SECOND_SESSION)
    except (psycopg.errors.UndefinedObject, psycopg.errors.SyntaxError, ValueError):
        return
    if len(nodes) > 1 and balances != [("off",)]:
        raise RefusedError(
            f"At {where} is pgpool {(version or '').partition(' ')[0]} before {len(nodes)} servers: it sends what is "
            "read to any of them, and a standby that is behind does not know yet what was migrated. Nothing was "
            "changed.",
            "Set DATABASE_URL to the primary itself, or to a pgpool with load_balance_mode = off.",
        )


def server_pid(driver: psycopg.Connection) -> int:
    """Return the pid of the server process that works for `driver`: a pooler tells the driver an invented one.

    A transaction that the question would begin is ended again.
    """
    idle = driver.info.transaction_status == pq.TransactionStatus.IDLE
    row = driver.execute(OWN, prepare=False).fetchone()
    if idle and not driver.autocommit:
        driver.rollback()
    assert row is not None
    return int(row[0])


def refuse_shared(driver: psycopg.Connection, second: Callable[[], psycopg.Connection], where: str) -> None:
    """Raise RefusedError where the pooler at `where` gives the session of `driver`, in autocommit, to others.

    `second` opens another connection through the same pooler. A server process that answers inside a transaction of
    one while it was the other's a moment ago, or that is another one after it, is nobody's own. ConnectFailed where
    the pooler has no second session within SECOND_SESSION.
    """
    own = server_pid(driver)
    try:
        other = second()
    except psycopg.OperationalError as fault:
        raise ConnectFailed(
            f"The pooler at {where} gives no second connection: {str(fault).strip().splitlines()[0]}.",
            f"{program()} needs two at the least, and four for a backup: raise the pooler's limit, or connect to the "
            "server itself.",
        ) from fault
    try:
        other.autocommit = True
        theirs = _pid_in_a_transaction(other, where)
        if theirs is None:
            raise shared(where, "statement")
        if theirs == own or server_pid(driver) != own:
            raise shared(where, "transaction")
        other.execute("rollback")
    finally:
        other.close()


def shared(where: str, mode: str) -> RefusedError:
    """Return the error for a pooler at `where` in `mode` ("transaction", "statement")."""
    return RefusedError(
        f"At {where} is a pooler in {mode} mode: it gives this session to others after each {mode}, so that neither a "
        "lock nor a setting would hold.",
        "Set DATABASE_URL to the server itself, or to a pool in session mode (pgbouncer: pool_mode=session in the "
        "line of the database; Supabase and others: the port for sessions).",
    )


def _connect(arguments: list[Any], parameters: dict[str, Any]) -> AnsweringConnection:
    try:
        return AnsweringConnection.connect(*arguments, **parameters)
    except psycopg.OperationalError as fault:
        if REFUSED_PARAMETER not in str(fault) or not parameters.get("options"):
            raise
    return AnsweringConnection.connect(
        *arguments, **{name: value for name, value in parameters.items() if name != "options"}
    )


def _options(text: str) -> dict[str, str]:
    return {name.replace("-", "_"): re.sub(r"\\(.)", r"\1", value) for name, value in OPTION.findall(text)}


def _where(driver: psycopg.Connection) -> str:
    return f"{driver.info.host}:{driver.info.port}"


def _is_between(driver: psycopg.Connection, pid: int, port: int | None) -> bool:
    """Return whether the server process `pid` is another than the driver was told, or its client has another `port`."""
    with socket.fromfd(driver.fileno(), socket.AF_INET, socket.SOCK_STREAM) as ours:
        address = ours.getsockname()
    return pid != driver.info.backend_pid or port != (address[1] if isinstance(address, tuple) else None)


def _set_directly(driver: psycopg.Connection, settings: Mapping[str, str]) -> tuple[int, int | None]:
    """Make the settings, in one round trip, where the server itself answers, else nothing.

    Returns the pid of the server process that answered, and the port of its client; None where that has a socket.
    """
    calls = sql.SQL(", ").join(
        sql.SQL("case when pg_backend_pid() = {} then set_config({}, {}, false) end").format(
            driver.info.backend_pid, name, value
        )
        for name, value in settings.items()
    )
    row = driver.execute(sql.SQL("{}, {}").format(sql.SQL(WHO), calls)).fetchone()
    assert row is not None
    return row[0], row[1]


def _set(driver: psycopg.Connection, settings: Mapping[str, str]) -> dict[str, str]:
    """Make the settings; return them as the server writes them."""
    calls = sql.SQL(", ").join(
        sql.SQL("set_config({}, {}, false)").format(name, value) for name, value in settings.items()
    )
    row = driver.execute(sql.SQL("select {}").format(calls)).fetchone() or ()
    return dict(zip(settings, row, strict=True))


def _current(driver: psycopg.Connection, names: Iterable[str]) -> dict[str, str]:
    calls = sql.SQL(", ").join(sql.SQL("current_setting({})").format(name) for name in names)
    row = driver.execute(sql.SQL("select {}").format(calls)).fetchone() or ()
    return dict(zip(names, row, strict=True))


def _pid_in_a_transaction(driver: psycopg.Connection, where: str) -> int | None:
    """Begin a transaction and return the pid of the process that has it; None where the pooler allows none.

    A pooler without a free session would let the question wait, for two minutes as pgbouncer comes.
    """
    try:
        ((pid,),) = timed_query.fetch(driver, f"begin; {OWN}", SECOND_SESSION)
    except timed_query.NoAnswer:
        raise ConnectFailed(
            f"The pooler at {where} gave no second session within {SECOND_SESSION:.0f} s.",
            f"{program()} needs two at the least, and four for a backup: raise its pool_size, or connect to the server "
            "itself.",
        ) from None
    except psycopg.Error:
        return None
    return int(pid or 0)
