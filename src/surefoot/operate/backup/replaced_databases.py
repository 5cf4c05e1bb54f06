"""The databases that restores put beside the real one: how they are named, listed and renamed."""

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot.errors import UsageError
from surefoot.online.identifiers import LONGEST_NAME
from surefoot.operate.backup import database_settings, server_facts
from surefoot.operate.backup.store import TIME
from surefoot.program import program

REPLACED = sa.text("""
    select datname as name,
           case when has_database_privilege(oid, 'CONNECT') then pg_database_size(oid) else 0 end as size,
           shobj_description(oid, 'pg_database') as comment
      from pg_database
     where datname ~ :pattern
     order by datname
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


def find(admin: Connection, database: str, name: str) -> ReplacedDatabase:
    """Return the database `name` beside `database`. Raises UsageError if a restore has put aside none of that name."""
    found = list_replaced_with(admin, database)
    for each in found:
        if each.name == name:
            return each
    there = ", ".join(each.name for each in found) or "there is none"
    raise UsageError(
        f"{name} is no database that a restore of {database} has set aside.",
        f"Choose one of these: {there}." if found else f"There is none at all: {program()} restore --old lists them.",
    )


def rename(admin: Connection, name: str, kind: Kind, database: str, comment: str) -> ReplacedDatabase:
    """Rename a database to the next kind of `database`, and set its comment."""
    new = free_name(admin, database, kind)
    server_facts.run_in_transaction(
        admin, [rename_statement(name, new), database_settings.comment_statement(new, comment)]
    )
    return ReplacedDatabase(new, kind, dt.datetime.now(dt.UTC), 0, comment)


def rename_statement(old: str, new: str) -> sql.Composed:
    """Return the statement that renames a database."""
    return sql.SQL("alter database {} rename to {}").format(sql.Identifier(old), sql.Identifier(new))


def _stem(database: str) -> str:
    longest = LONGEST_NAME - len(f"_{Kind.RESTORING}_20261121T120000Z")
    raw = database.encode()
    if len(raw) <= longest:
        return database
    return f"{raw[: longest - 8].decode('utf-8', 'ignore')}_{hashlib.sha256(raw).hexdigest()[:7]}"
