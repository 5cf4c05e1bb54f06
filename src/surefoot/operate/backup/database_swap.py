"""A restored database into the place of the old one: both are renamed in one transaction, and the old one is kept."""

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
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import scratch_database
from surefoot.database import execute_verbatim
from surefoot.errors import FailedError, RefusedError, UsageError
from surefoot.operate.backup import database_settings, server_facts
from surefoot.operate.backup.store import TIME
from surefoot.program import program

LONGEST = 63
"""Bytes of a PostgreSQL name."""
IN_USE = "55006"
OURS = f"(application {scratch_database.APPLICATION}"
"""A session of a scratch database, as `connected` has it in words."""
GOING = 5
"""Seconds that such a session has to be gone."""
LOCKS = 0x6F757274
"""First half of the advisory key that one restore of a database holds; the second is the hash of its name."""

TRY = sa.text("select pg_try_advisory_lock(:space, hashtext(:name))")
ASIDE = sa.text("""
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
    """What a database beside the real one is."""

    RESTORING = "restoring"
    """Being restored, or left by a restore that was killed."""
    RESTORED = "restored"
    """Restored and proven, ready to be swapped in."""
    BEFORE = "before"
    """What was in the place before."""


@dataclass(frozen=True)
class ReplacedDatabase:
    """A database that a restore set beside the real one."""

    name: str
    kind: Kind
    since: dt.datetime
    size: int
    comment: str | None


def name_for(database: str, kind: Kind, now: dt.datetime) -> str:
    """The name of such a database: `shop_before_20261121T120000Z`; of a long name its beginning and a hash."""
    return f"{_stem(database)}_{kind}_{now.strftime(TIME)}"


def free_name(admin: Connection, database: str, kind: Kind) -> str:
    """Such a name that no database has; two in one second get two names."""
    now = dt.datetime.now(dt.UTC)
    while database_settings.read(admin, name_for(database, kind, now)) is not None:
        now += dt.timedelta(seconds=1)
    return name_for(database, kind, now)


def aside(url: URL) -> list[ReplacedDatabase]:
    """What restores of the database of `url` have set beside it, by name."""
    with server_facts.beside(url) as admin:
        return beside(admin, server_facts.name_of(url))


def beside(admin: Connection, database: str) -> list[ReplacedDatabase]:
    """The same, over a connection that is there."""
    stem = re.escape(_stem(database))
    kinds = "|".join(Kind)
    pattern = rf"^{stem}_({kinds})_(\d{{8}}T\d{{6}}Z)$"
    found = []
    for row in admin.execute(ASIDE, {"pattern": pattern}):
        parts = re.fullmatch(pattern, row.name)
        assert parts is not None
        since = dt.datetime.strptime(parts[2], TIME).replace(tzinfo=dt.UTC)
        found.append(ReplacedDatabase(row.name, Kind(parts[1]), since, row.size, row.comment))
    return found


def swap_in(url: URL, name: str, *, disconnect: bool = False) -> str | None:
    """Put the database `name` in the place of that of `url`; returns under which name the present one is kept.

    `name` is one that a restore has set aside: restored and ready, or what was there before. Raises UsageError where
    there is none, RefusedError where others are connected, FailedError where the role may not rename.
    """
    with server_facts.beside(url) as admin, alone(admin, server_facts.name_of(url)):
        chosen = _chosen(admin, server_facts.name_of(url), name)
        if chosen.kind is Kind.RESTORING:
            raise RefusedError(
                f"{name} was not restored to its end.",
                f"Drop it with {program()} restore --drop-old {name} and restore again.",
            )
        return exchange(admin, url, chosen, disconnect=disconnect)


def drop_old(url: URL, name: str, *, disconnect: bool = False) -> None:
    """Drop a database that a restore has set aside; no other.

    Raises UsageError where there is none of that name, RefusedError where others are connected to it.
    """
    with server_facts.beside(url) as admin, alone(admin, server_facts.name_of(url)):
        if _chosen(admin, server_facts.name_of(url), name).kind is Kind.BEFORE:
            _pulls_nothing(admin, name)
        if not disconnect:
            nobody_in(admin, name)
        drop(admin, name)


def _pulls_nothing(admin: Connection, name: str) -> None:
    """Refuse to drop a subscriber: its publisher would keep the slot, and all that is written from then on."""
    found = admin.execute(SUBSCRIPTIONS, {"name": name}).scalars().all()
    if found:
        raise RefusedError(
            f"{name} has the subscription {', '.join(found)}, whose publisher would keep everything for it for ever.",
            f"Connect to {name} and run: drop subscription {sql.Identifier(found[0]).as_string()}; then the same "
            "command again.",
        )


def drop(admin: Connection, name: str) -> None:
    """Drop a database, and end who is in it."""
    scratch_database.drop_database(lambda statement: execute_verbatim(admin, statement), admin.engine.url, name)


@contextmanager
def alone(admin: Connection, database: str) -> Iterator[None]:
    """Be the only restore of `database` inside the block, for as long as `admin` is open."""
    key = {"space": LOCKS, "name": database}
    if not admin.execute(TRY, key).scalar_one():
        raise RefusedError(
            f"Another restore of {database} runs.", "Wait for it to end, then run the same command again."
        )
    yield


def nobody_in(admin: Connection, database: str) -> None:
    """Raise RefusedError, naming them, where somebody is connected to `database`.

    A session of our own that was closed a moment ago, as that of the backup before, is given time to be gone.
    """
    who = server_facts.connected(admin, database)
    until = time.monotonic() + GOING
    while who and all(OURS in each for each in who) and time.monotonic() < until:
        time.sleep(0.05)
        admin.execute(sa.text("select pg_stat_clear_snapshot()"))
        who = server_facts.connected(admin, database)
    if who:
        raise RefusedError(
            f"{len(who)} session{'s are' if len(who) > 1 else ' is'} connected to {database}: "
            f"{server_facts.listed(who)}.",
            "Stop the application and run the same command again, or add --disconnect, which ends them.",
        )


def exchange(
    admin: Connection, url: URL, new: ReplacedDatabase, *, disconnect: bool, comment: str | None = None
) -> str | None:
    """Rename the database of `url` away and `new` into its place, in one transaction: there is always one of the name.

    `comment` is for the new one where there is no old one to have it from. Returns the name under which the old one is
    kept, None where there was none.
    """
    database = server_facts.name_of(url)
    held = database_settings.read(admin, database)
    if not disconnect:
        nobody_in(admin, database)
        nobody_in(admin, new.name)
    old = free_name(admin, database, Kind.BEFORE) if held is not None else None
    statements = [_rename(database, old)] if old is not None else []
    statements.append(_rename(new.name, database))
    if new.kind is Kind.RESTORED:
        # until now it said of what it was restored
        statements.append(database_settings.comment(database, held.comment if held is not None else comment))
    who = [database, new.name] if disconnect else []
    try:
        with _ending_sessions(url, who):
            server_facts.run_together(admin, statements)
    except sa.exc.DBAPIError as fault:
        raise _not_renamed(fault, database, new.name) from fault
    return old


def rename(admin: Connection, name: str, kind: Kind, database: str, comment: str) -> ReplacedDatabase:
    """Give a database beside `database` its next name, and say what it is."""
    new = free_name(admin, database, kind)
    server_facts.run_together(admin, [_rename(name, new), database_settings.comment(new, comment)])
    return ReplacedDatabase(new, kind, dt.datetime.now(dt.UTC), 0, comment)


@contextmanager
def _ending_sessions(url: URL, databases: list[str]) -> Iterator[None]:
    """End the sessions of `databases` all the while.

    A rename first locks new sessions out and then waits some seconds for those that are there: these are ended then,
    so that a program that connects again and again cannot stand against it.
    """
    over = threading.Event()
    faults: list[FailedError] = []

    def run(connection: Connection) -> None:
        while not over.wait(0.1):
            try:
                for each in databases:
                    server_facts.disconnect(connection, each)
            except FailedError as fault:
                faults.append(fault)
                return
            except sa.exc.DBAPIError:
                return

    if not databases:
        yield
        return
    with server_facts.connect_beside(url) as connection:  # faults are for who renames to understand
        for each in databases:
            server_facts.disconnect(connection, each)
        thread = threading.Thread(target=run, args=(connection,), name="surefoot-disconnect", daemon=True)
        thread.start()
        try:
            yield
        except sa.exc.DBAPIError as fault:
            if faults:
                raise faults[0] from fault
            raise
        finally:
            over.set()
            thread.join()


def _not_renamed(fault: sa.exc.DBAPIError, database: str, new: str) -> RefusedError | FailedError:
    said = " ".join(str(fault.orig).split())
    again = f"{program()} restore --swap-in {new}"
    if getattr(fault.orig, "sqlstate", None) == IN_USE:
        return RefusedError(
            f"{database} is in use: {said}. It serves as before; {new} is ready beside it.",
            f"Stop who uses it and run: {again}, with --disconnect to end them. A prepared transaction is ended by "
            "rollback prepared.",
        )
    return FailedError(
        f"{database} could not be renamed: {said}. It serves as before; {new} is ready beside it.",
        f"Mend what it names and run: {again}",
    )


def _chosen(admin: Connection, database: str, name: str) -> ReplacedDatabase:
    found = beside(admin, database)
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
    longest = LONGEST - len(f"_{Kind.RESTORING}_20261121T120000Z")
    raw = database.encode()
    if len(raw) <= longest:
        return database
    return f"{raw[: longest - 8].decode('utf-8', 'ignore')}_{hashlib.sha256(raw).hexdigest()[:7]}"
