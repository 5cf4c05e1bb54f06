"""What a database holds, in numbers that a restored one is held to: rows of each table, fingerprint; and its roles."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.catalogue.fingerprint import fingerprint, fingerprints
from surefoot.program import program

# What an extension brought is not dumped, and neither is what a foreign server holds.
TABLES = sa.text("""
    select format('%I.%I', nspname, relname) as name,
           pg_relation_size(c.oid) as size,
           c.reltuples < 0 as unknown,
           pg_stat_get_tuples_inserted(c.oid) - pg_stat_get_tuples_deleted(c.oid) as came
      from pg_class c
      join pg_namespace n on n.oid = relnamespace
     where relkind = 'r'
       and nspname !~ '^pg_'
       and nspname <> 'information_schema'
       and not exists (
           select from pg_depend d
            where classid = 'pg_class'::regclass
              and objid = c.oid
              and deptype = 'e'
       )
     order by nspname collate "C", relname collate "C"
""")
# What an extension brought, or a range type, has an owner that no dump speaks of.
OWNERS = sa.text("""
    select pg_get_userbyid(owner) as name
      from (
           select relowner, relnamespace, 'pg_class'::regclass, oid from pg_class
           union
           select proowner, pronamespace, 'pg_proc'::regclass, oid from pg_proc
           union
           select typowner, typnamespace, 'pg_type'::regclass, oid from pg_type
           union
           select nspowner, oid, 'pg_namespace'::regclass, oid from pg_namespace where nspname <> 'public'
           ) as thing (owner, space, class, id)
      join pg_namespace n on n.oid = space
     where nspname !~ '^pg_'
       and nspname <> 'information_schema'
       and not exists (
           select from pg_depend where classid = class and objid = id and deptype in ('e', 'i')
       )
    union
    select pg_get_userbyid(refobjid)
      from pg_shdepend
     where dbid = (select oid from pg_database where datname = current_database())
       and refclassid = 'pg_authid'::regclass
       and deptype = 'o'
     order by name
""")
GRANTEES = sa.text("""
    select distinct pg_get_userbyid(refobjid) as name
      from pg_shdepend
     where dbid = (select oid from pg_database where datname = current_database())
       and refclassid = 'pg_authid'::regclass
       and deptype = 'a'
     order by name
""")
REVISION = sa.text("select string_agg(version_num, ',' order by version_num) from alembic_version")
HAS_REVISION = sa.text("select to_regclass('alembic_version') is not null")
# A role's or a database's own limits must not cut a long count or the wait for pg_dump.
UNLIMITED = sa.text("""
    select set_config(name, '0', false)
      from pg_settings
     where name in ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout',
                    'idle_session_timeout')
""")


LARGE = 1 << 20
"""Bytes from which a table is worth a connection of its own."""


@dataclass(frozen=True)
class Contents:
    """What a database held at one moment."""

    rows: dict[str, int]
    schemas: dict[str, str]

    @property
    def fingerprint(self) -> str:
        """Of the whole database."""
        return fingerprint(self.schemas)


def unlimited(connection: Connection) -> None:
    """Let this session take its time; to be called before its transaction begins or as its first statement."""
    connection.execute(UNLIMITED)


def contents(connection: Connection) -> Contents:
    """Rows and fingerprints as the transaction of `connection` sees them. Raises DBAPIError."""
    return Contents({name: _count(connection, name) for name, *_ in connection.execute(TABLES).all()},
                    fingerprints(connection))  # fmt: skip


def contents_of(url: URL, jobs: int, *, expected: Mapping[str, int] | None = None) -> Contents:
    """The same of a database that nobody writes to, by several connections at once, largest table first.

    With `expected`, of a database that was restored a moment ago, the server's own tally of the rows that came in is
    enough for a table where it is the number expected; any other is counted. And the planner's statistics are gathered
    for tables that have none, because the dump had none: without them the first hours would be slow.
    """
    engine = database.engine_for(url, application_name=f"{program()} backup")

    def look(tables: Sequence[sa.Row[Any]]) -> dict[str, int]:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            unlimited(connection)
            unknown = [row.name for row in tables if row.unknown] if expected is not None else []
            if unknown:
                database.execute_verbatim(connection, f"analyze {', '.join(unknown)}")
            return {
                row.name: row.came if expected and expected.get(row.name) == row.came else _count(connection, row.name)
                for row in tables
            }

    with engine.connect() as connection, ThreadPoolExecutor(max_workers=jobs) as threads:
        unlimited(connection)
        tables = connection.execute(TABLES).all()
        large = sorted((row for row in tables if row.size >= LARGE), key=lambda row: -row.size)
        small = [row for row in tables if row.size < LARGE]
        looking = [threads.submit(look, each) for each in (*([row] for row in large), small)]
        schemas = fingerprints(connection)
        rows = {name: number for future in looking for name, number in future.result().items()}
    return Contents({row.name: rows[row.name] for row in tables}, schemas)


def _count(connection: Connection, table: str) -> int:
    return int(database.execute_verbatim(connection, f"select count(*) from {table}").scalar_one())  # noqa: S608  # quoted by %I


def revision(connection: Connection) -> str | None:
    """What `alembic_version` says; None without it."""
    if not connection.execute(HAS_REVISION).scalar_one():
        return None
    found: str | None = connection.execute(REVISION).scalar_one()
    return found


def roles(connection: Connection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The roles that own something, and those that were granted something."""
    owners, grantees = (connection.execute(query).scalars().all() for query in (OWNERS, GRANTEES))
    return tuple(owners), tuple(grantees)
