"""Reads the contents of a database that a restored one is compared with: rows per table, fingerprints, and roles."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.catalogue.fingerprint import fingerprint, fingerprints
from surefoot.program import program

# pg_dump does not dump the rows of extensions' tables and of foreign tables.
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
# The owners of extensions' objects and of internal ones, such as a multirange type, are not in a dump.
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
# Timeouts set for the role or the database must not cancel a long count or the wait for pg_dump.
UNLIMITED = sa.text("""
    select set_config(name, '0', false)
      from pg_settings
     where name in ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout',
                    'idle_session_timeout')
""")
# the locks of a prepared transaction have no pid; the one on its own number leads to the others
HOLDERS = sa.text("""
    select format('%I', relation.relname) as name, held.pid, activity.application_name as application,
           activity.usename as role, prepared.gid, prepared.owner
      from pg_locks as held
      join pg_class as relation on relation.oid = held.relation and relation.relkind in ('r', 'p')
      left join pg_stat_activity as activity on activity.pid = held.pid
      left join (
           pg_prepared_xacts as prepared
           join pg_locks as own on own.pid is null and own.transactionid = prepared.transaction
      ) on held.pid is null and own.virtualtransaction = held.virtualtransaction
     where held.locktype = 'relation'
       and held.mode = 'AccessExclusiveLock'
       and held.granted
       and held.database = (select oid from pg_database where datname = current_database())
       and held.pid is distinct from pg_backend_pid()
     order by 1
""")
MOMENT = 1.0
"""Seconds for which somebody may hold a table before it is told: most do for a moment."""


LARGE = 1 << 20
"""Tables of at least so many bytes are counted over a connection of their own."""


@dataclass(frozen=True)
class Contents:
    """The rows of each table and the fingerprint of each schema, at one moment."""

    rows: dict[str, int]
    schemas: dict[str, str]

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the whole database."""
        return fingerprint(self.schemas)


def disable_timeouts(connection: Connection) -> None:
    """Disable all timeouts of the session; to be called before its transaction begins, or as its first statement."""
    connection.execute(UNLIMITED)


def who_holds_tables(connection: Connection) -> list[str]:
    """Return who keeps everybody from reading a table, with the statement that ends it; not who does for a MOMENT."""
    first = connection.execute(HOLDERS).all()
    if not first:
        return []
    time.sleep(MOMENT)
    return [_holder(row) for row in connection.execute(HOLDERS).all() if row in first]


def _holder(row: sa.Row[Any]) -> str:
    if row.pid is None:
        ends = sql.SQL("rollback prepared {};").format(row.gid or "").as_string()
        return f"prepared transaction {row.gid!r} (role {row.owner}) holds table {row.name}; {ends} ends it"
    who = f"pid {row.pid} (application {row.application or 'without a name'}, role {row.role})"
    return f"{who} holds table {row.name}; select pg_terminate_backend({row.pid}); ends it"


def contents(connection: Connection) -> Contents:
    """Return the contents as the transaction of `connection` sees them. Raises DBAPIError."""
    return Contents({name: _count(connection, name) for name, *_ in connection.execute(TABLES).all()},
                    fingerprints(connection))  # fmt: skip


def contents_of(url: URL, jobs: int, *, expected: Mapping[str, int] | None = None) -> Contents:
    """Return the contents of a database that nobody writes to, by several connections at once, largest table first.

    `expected` is given for a database that was restored a moment ago: a table whose inserted rows in the server's
    statistics equal the expected number is not counted. Tables without planner statistics are analyzed then, because
    the dump had none, and without them the first hours would be slow.
    """
    engine = database.engine_for(url, application_name=f"{program()} backup")

    def read_tables(tables: Sequence[sa.Row[Any]]) -> dict[str, int]:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            disable_timeouts(connection)
            without_statistics = [row.name for row in tables if row.unknown] if expected is not None else []
            if without_statistics:
                database.execute_verbatim(connection, f"analyze {', '.join(without_statistics)}")
            return {
                row.name: row.came if expected and expected.get(row.name) == row.came else _count(connection, row.name)
                for row in tables
            }

    with engine.connect() as connection, ThreadPoolExecutor(max_workers=jobs) as threads:
        disable_timeouts(connection)
        tables = connection.execute(TABLES).all()
        large = sorted((row for row in tables if row.size >= LARGE), key=lambda row: -row.size)
        small = [row for row in tables if row.size < LARGE]
        futures = [threads.submit(read_tables, each) for each in (*([row] for row in large), small)]
        schemas = fingerprints(connection)
        rows = {name: number for future in futures for name, number in future.result().items()}
    return Contents({row.name: rows[row.name] for row in tables}, schemas)


def _count(connection: Connection, table: str) -> int:
    return int(database.execute_verbatim(connection, f"select count(*) from {table}").scalar_one())  # noqa: S608  # quoted by %I


def read_revision(connection: Connection) -> str | None:
    """Return the heads in `alembic_version`, joined by commas; None if there is no such table."""
    if not connection.execute(HAS_REVISION).scalar_one():
        return None
    heads: str | None = connection.execute(REVISION).scalar_one()
    return heads


def roles(connection: Connection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the roles that own objects, and the roles that have privileges."""
    owners, grantees = (connection.execute(query).scalars().all() for query in (OWNERS, GRANTEES))
    return tuple(owners), tuple(grantees)
