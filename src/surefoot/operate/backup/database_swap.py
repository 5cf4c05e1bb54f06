"""Puts a restored database in the place of the old one by renaming both in one transaction; the old one is kept."""

import datetime as dt
import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from psycopg import errors, sql
from sqlalchemy.engine import URL, Connection

from surefoot import scratch_database
from surefoot.database import execute_verbatim
from surefoot.errors import FailedError, RefusedError, UsageError
from surefoot.operate.backup import database_settings, server_facts
from surefoot.operate.backup.store import TIME
from surefoot.program import program

NAME_BYTES = 63
"""The length of a PostgreSQL name in bytes."""
OWN_SESSION = f"(application {scratch_database.APPLICATION}"
"""How `list_sessions` describes a session of a scratch database."""
OWN_SESSION_SECONDS = 5
"""How long such a session may take to end, in seconds."""
LOCK_SPACE = 0x6F757274
"""The first key of the advisory lock that a restore of a database holds; the second is the hash of its name."""

TRY_LOCK = sa.text("select pg_try_advisory_lock(:space, hashtext(:name))")
REPLACED = sa.text("""
    select datname as name,
           case when has_database_privilege(oid, 'CONNECT') then pg_database_size(oid) else 0 end as size,
           shobj_description(oid, 'pg_database') as comment
      from pg_database
     where datname ~ :pattern
     order by datname
""")
SUBSCRIPTIONS = sa.text("""
    select subname::text
      from pg_subscription
      join pg_database d on d.oid = subdbid
     where datname = :name
     order by 1
""")


class Kind(StrEnum):
    """The role of a database that a restore has created or replaced."""

    RESTORING = "restoring"
    """It is being restored, or a killed restore left it."""
    RESTORED = "restored"
    """It is restored and proven, and ready to be swapped in."""
    BEFORE = "before"
    """It was the database before a restore."""


@dataclass(frozen=True)
class ReplacedDatabase:
    """A database that a restore has put beside the real one; `size` is in bytes."""

    name: str
    kind: Kind
    since: dt.datetime
    size: int
    comment: str | None


def name_for(database: str, kind: Kind, now: dt.datetime) -> str:
    """Return the name of such a database, as `shop_before_20261121T120000Z`; a long name is shortened, with a hash."""
    return f"{_stem(database)}_{kind}_{now.strftime(TIME)}"


def free_name(admin: Connection, database: str, kind: Kind) -> str:
    """Return such a name that no database has: the time in it is advanced by seconds if necessary."""
    now = dt.datetime.now(dt.UTC)
    while database_settings.read(admin, name_for(database, kind, now)) is not None:
        now += dt.timedelta(seconds=1)
    return name_for(database, kind, now)


def list_replaced(url: URL) -> list[ReplacedDatabase]:
    """Return the databases that restores of the database of `url` have put beside it, by name."""
    with server_facts.connection_beside(url) as admin:
        return list_replaced_with(admin, server_facts.name_of(url))


def list_replaced_with(admin: Connection, database: str) -> list[ReplacedDatabase]:
    """Return the same over an existing connection."""
    stem = re.escape(_stem(database))
    kinds = "|".join(Kind)
    pattern = rf"^{stem}_({kinds})_(\d{{8}}T\d{{6}}Z)$"
    found = []
    for row in admin.execute(REPLACED, {"pattern": pattern}):
        parts = re.fullmatch(pattern, row.name)
        assert parts is not None
        since = dt.datetime.strptime(parts[2], TIME).replace(tzinfo=dt.UTC)
        found.append(ReplacedDatabase(row.name, Kind(parts[1]), since, row.size, row.comment))
    return found


def swap_in(url: URL, name: str, *, disconnect: bool = False) -> str | None:
    """Put the database `name` in the place of that of `url`; return the name under which the present one is kept.

    `name` is a database that a restore has put aside: restored and ready, or the one from before. Raises UsageError if
    there is none, RefusedError if others are connected, and FailedError if the role may not rename.
    """
    with server_facts.connection_beside(url) as admin, exclusive(admin, server_facts.name_of(url)):
        chosen = _find(admin, server_facts.name_of(url), name)
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
        if _find(admin, server_facts.name_of(url), name).kind is Kind.BEFORE:
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
    scratch_database.drop(lambda statement: as_it_is(admin, statement), admin.engine.url, name)


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
        raise RefusedError(
            f"{len(sessions)} session{'s are' if len(sessions) > 1 else ' is'} connected to {database}: "
            f"{server_facts.listed(sessions)}.",
            "Stop the application and run the same command again, or add --disconnect, which ends them.",
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
    old = free_name(admin, database, Kind.BEFORE) if properties is not None else None
    statements = [_rename(database, old)] if old is not None else []
    statements.append(_rename(new.name, database))
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


def rename(admin: Connection, name: str, kind: Kind, database: str, comment: str) -> ReplacedDatabase:
    """Rename a database to the next kind of `database`, and set its comment."""
    new = free_name(admin, database, kind)
    server_facts.run_in_transaction(admin, [_rename(name, new), database_settings.comment_statement(new, comment)])
    return ReplacedDatabase(new, kind, dt.datetime.now(dt.UTC), 0, comment)


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


def _find(admin: Connection, database: str, name: str) -> ReplacedDatabase:
    found = list_replaced_with(admin, database)
    for each in found:
        if each.name == name:
            return each
    there = ", ".join(each.name for each in found) or "there is none"
    raise UsageError(
        f"{name} is no database that a restore of {database} has set aside.",
        f"Choose one of these: {there}." if found else f"There is none at all: {program()} restore --old lists them.",
    )


def _rename(old: str, new: str) -> sql.Composed:
    return sql.SQL("alter database {} rename to {}").format(sql.Identifier(old), sql.Identifier(new))


def _stem(database: str) -> str:
    longest = NAME_BYTES - len(f"_{Kind.RESTORING}_20261121T120000Z")
    raw = database.encode()
    if len(raw) <= longest:
        return database
    return f"{raw[: longest - 8].decode('utf-8', 'ignore')}_{hashlib.sha256(raw).hexdigest()[:7]}"
