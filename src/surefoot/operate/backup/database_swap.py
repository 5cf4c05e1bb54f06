"""Puts a restored database in the place of the old one by renaming both in one transaction; the old one is kept."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from psycopg import errors, sql
from sqlalchemy.engine import URL, Connection

from surefoot import scratch_database
from surefoot.database import driver_of, execute_verbatim
from surefoot.errors import FailedError, RefusedError
from surefoot.operate.backup import database_settings, replaced_databases, server_facts
from surefoot.operate.backup.replaced_databases import Kind, ReplacedDatabase
from surefoot.program import program
from surefoot.servers import pooler

OWN_SESSION = f"(application {scratch_database.APPLICATION}"
"""How `list_sessions` describes a session of a scratch database."""
OWN_SESSION_SECONDS = 5
"""How long such a session may take to end, in seconds."""
LOCK_SPACE = 0x6F757274
"""The first key of the advisory lock that a restore of a database holds; the second is the hash of its name."""

TRY_LOCK = sa.text("select pg_try_advisory_lock(:space, hashtext(:name))")
SUBSCRIPTIONS = sa.text("""
    select subname::text
      from pg_subscription
      join pg_database d on d.oid = subdbid
     where datname = :name
     order by 1
""")


def swap_in(url: URL, name: str, *, disconnect: bool = False) -> str | None:
    """Put the database `name` in the place of that of `url`; return the name under which the present one is kept.

    `name` is a database that a restore has put aside: restored and ready, or the one from before. Raises UsageError if
    there is none, RefusedError if others are connected, and FailedError if the role may not rename.
    """
    with server_facts.connection_beside(url) as admin, exclusive(admin, server_facts.name_of(url)):
        chosen = replaced_databases.find(admin, server_facts.name_of(url), name)
        if chosen.kind is Kind.RESTORING:
            raise RefusedError(
                f"{name} was not restored to its end.",
                f"Drop it with {program()} restore --drop-old {name} and restore again.",
            )
        return exchange(admin, url, chosen, disconnect=disconnect)


def drop_old(url: URL, name: str, *, disconnect: bool = False) -> None:
    """Drop a database that a restore has put aside, and no other.

    Raises UsageError if there is none of that name, RefusedError if others are connected to it or it has subscriptions.
    """
    with server_facts.connection_beside(url) as admin, exclusive(admin, server_facts.name_of(url)):
        if replaced_databases.find(admin, server_facts.name_of(url), name).kind is Kind.BEFORE:
            _refuse_subscriber(admin, name)
        if not disconnect:
            require_no_sessions(admin, name)
        drop(admin, name)


def _refuse_subscriber(admin: Connection, name: str) -> None:
    """Raise RefusedError for a database with subscriptions: the publisher would keep their slots and all later WAL."""
    found = admin.execute(SUBSCRIPTIONS, {"name": name}).scalars().all()
    if found:
        raise RefusedError(
            f"{name} has the subscription {', '.join(found)}, whose publisher would keep everything for it for ever.",
            f"Connect to {name} and run: drop subscription {sql.Identifier(found[0]).as_string()}; then the same "
            "command again.",
        )


def drop(admin: Connection, name: str) -> None:
    """Drop a database and end its sessions."""
    scratch_database.drop_database(lambda statement: execute_verbatim(admin, statement), admin.engine.url, name)


@contextmanager
def exclusive(admin: Connection, database: str) -> Iterator[None]:
    """Be the only restore of `database` inside the block. The lock lasts as long as `admin` is open."""
    key = {"space": LOCK_SPACE, "name": database}
    if not admin.execute(TRY_LOCK, key).scalar_one():
        raise RefusedError(
            f"Another restore of {database} runs.", "Wait for it to end, then run the same command again."
        )
    yield


def require_no_sessions(admin: Connection, database: str) -> None:
    """Raise RefusedError, naming the sessions, if somebody is connected to `database`.

    A session of our own that was closed a moment ago, such as that of the backup before, is given time to end.
    """
    sessions = server_facts.list_sessions(admin, database)
    deadline = time.monotonic() + OWN_SESSION_SECONDS
    while sessions and all(OWN_SESSION in each for each in sessions) and time.monotonic() < deadline:
        time.sleep(0.05)
        admin.execute(sa.text("select pg_stat_clear_snapshot()"))
        sessions = server_facts.list_sessions(admin, database)
    if sessions:
        pooled = pooler.is_pooled(driver_of(admin))
        raise RefusedError(
            f"{len(sessions)} session{'s are' if len(sessions) > 1 else ' is'} connected to {database}: "
            f"{server_facts.listed(sessions)}.",
            "Stop the application and run the same command again, or add --disconnect, which ends them"
            + (", those too that the pooler keeps open for nobody." if pooled else "."),
        )


def exchange(
    admin: Connection, url: URL, new: ReplacedDatabase, *, disconnect: bool, comment: str | None = None
) -> str | None:
    """Rename the database of `url` away and `new` into its place, in one transaction, so that the name always exists.

    `comment` is for the new one if there is no old one to copy it from. Returns the name under which the old one is
    kept, None if there was none.
    """
    database = server_facts.name_of(url)
    properties = database_settings.read(admin, database)
    if not disconnect:
        require_no_sessions(admin, database)
        require_no_sessions(admin, new.name)
    old = replaced_databases.free_name(admin, database, Kind.BEFORE) if properties is not None else None
    statements = [replaced_databases.rename_statement(database, old)] if old is not None else []
    statements.append(replaced_databases.rename_statement(new.name, database))
    if new.kind is Kind.RESTORED:
        # until now its comment named the backup that it was restored from
        statements.append(
            database_settings.comment_statement(database, properties.comment if properties is not None else comment)
        )
    databases = [database, new.name] if disconnect else []
    try:
        with _ending_sessions(url, databases):
            server_facts.run_in_transaction(admin, statements)
    except sa.exc.DBAPIError as fault:
        raise _rename_error(fault, database, new.name) from fault
    return old


@contextmanager
def _ending_sessions(url: URL, databases: list[str]) -> Iterator[None]:
    """End the sessions of `databases` again and again during the block.

    A rename first locks new sessions out and then waits some seconds for the existing ones. These are ended then, so
    that a program that always reconnects cannot prevent it.
    """
    stop = threading.Event()
    failures: list[FailedError] = []

    def run(connection: Connection) -> None:
        while not stop.wait(0.1):
            try:
                for each in databases:
                    server_facts.disconnect(connection, each)
            except FailedError as fault:
                failures.append(fault)
                return
            except sa.exc.DBAPIError:
                return

    if not databases:
        yield
        return
    with server_facts.connect_beside(url) as connection:  # the caller explains errors of the driver
        for each in databases:
            server_facts.disconnect(connection, each)
        thread = threading.Thread(target=run, args=(connection,), name="surefoot-disconnect", daemon=True)
        thread.start()
        try:
            yield
        except sa.exc.DBAPIError as fault:
            if failures:
                raise failures[0] from fault
            raise
        finally:
            stop.set()
            thread.join()


def _rename_error(fault: sa.exc.DBAPIError, database: str, new: str) -> RefusedError | FailedError:
    message = " ".join(str(fault.orig).split())
    command = f"{program()} restore --swap-in {new}"
    if isinstance(fault.orig, errors.ObjectInUse):
        return RefusedError(
            f"{database} is in use: {message}. It serves as before; {new} is ready beside it.",
            f"Stop who uses it and run: {command}, with --disconnect to end them. A prepared transaction is ended by "
            "rollback prepared.",
        )
    return FailedError(
        f"{database} could not be renamed: {message}. It serves as before; {new} is ready beside it.",
        f"Mend what it names and run: {command}",
    )
