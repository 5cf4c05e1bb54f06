"""Checks with psycopg alone whether a database is at head: it runs before every start and must load quickly."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import psycopg

from surefoot.program import program
from surefoot.servers import pooler, timed_query
from surefoot.settings import URL_SCHEME, Settings

ONE_SCHEMA = """
     where cardinality(current_schemas(false)) < 2
        or (select count(*) filter (where own.relname = 'alembic_version' or place < place_of_own) = 0
                   and 2 * count(distinct own.relname) < (select count(*)
                                                            from pg_class
                                                           where relnamespace = home.oid and relkind in ('r', 'p'))
              from pg_namespace as home
              cross join lateral array_position(current_schemas(false), home.nspname) as place_of_own
              left join (
                   pg_class as own
                   join pg_class as other on other.relname = own.relname and other.relkind in ('r', 'p')
                   join pg_namespace as space on space.oid = other.relnamespace
                   join unnest(current_schemas(false)) with ordinality as path (name, place) on name = space.nspname
              ) on own.relnamespace = home.oid and own.relkind in ('r', 'p') and other.relnamespace <> home.oid
             where home.oid = (select relnamespace from pg_class where oid = 'alembic_version'::regclass)
             group by home.oid)
"""
"""Where another schema of search_path has the same tables, this is false: whoever looks closer decides.

`surefoot.search_path.choose` does, which knows the project's tables.
"""
VERSIONS = f"select version_num from alembic_version {ONE_SCHEMA}"  # noqa: S608  # a constant
UNFINISHED = """
           coalesce((
               select case when direction = 'downgrade' and outcome <> 'done' then 'unfinished' end
                 from migration_journal
                where revision = version_num
                order by id desc
                limit 1
           ), '')
"""
"""Empty where the last journal entry of a revision is not a downgrade that did not finish."""
VERSIONS_AND_DOWNGRADES = f"select version_num, {UNFINISHED} from alembic_version {ONE_SCHEMA}"  # noqa: S608
LEFT_OVER = f"case when to_regclass('migration_made') is null then {UNFINISHED} else 'left over' end"
"""The same, and not empty where a run could not drop its notes: the next one does."""
DIRECT = f"select version_num, {LEFT_OVER}, {pooler.WHOSE} from alembic_version {ONE_SCHEMA}"  # noqa: S608
"""The same, and by which process to which port of its client it was answered."""
WITHOUT_JOURNAL = frozenset({"42P01", "42501"})
"""The SQLSTATEs of a journal that does not exist or that this role may not read."""

RunQuery = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a query and returns its rows. If the query fails, the connection has to accept another one."""


def finished_revisions(run_query: RunQuery) -> tuple[str, ...]:
    """Return the revisions in `alembic_version`; none where one of them is in the middle of a downgrade.

    That is what the journal tells, if it can be read. This is one round trip, or two if it cannot. Raises what
    `run_query` raises if `alembic_version` itself cannot be read.
    """
    try:
        rows = run_query(VERSIONS_AND_DOWNGRADES)
    except Exception as fault:
        if sqlstate(fault) not in WITHOUT_JOURNAL:
            raise
        return tuple(version for (version,) in run_query(VERSIONS))
    return () if any(unfinished for _, unfinished in rows) else tuple(version for version, _ in rows)


def sqlstate(fault: Exception) -> str | None:
    """Return the SQLSTATE of an exception of psycopg, or of one of SQLAlchemy that wraps it; None if it has none."""
    return getattr(getattr(fault, "orig", fault), "sqlstate", None)


def at_head(settings: Settings) -> str | None:
    """Return the head if the database is at it, else None; None also if the check fails for whatever reason.

    The caller then calls `ensure_current`, which explains what is wrong.
    """
    head = settings.project.head()
    return head if head is not None and is_at_head(settings, head, command="ensure", directly=False) else None


def is_at_head(
    settings: Settings, head: str, *, command: str, directly: bool, announce: Callable[[str], None] = lambda _: None
) -> bool:
    """Return whether the database is at `head` and at nothing else; False also if that cannot be told for any reason.

    The caller then does what it does for any other database, and explains what is wrong. `command` is the one that the
    server's list of sessions shows. This is one connection and one round trip, and no statement waits for a lock for
    longer than the settings say. `directly` is for commands that pass no pooler but one in session mode and refuse a
    revision whose journal they cannot read: there the check is the stricter, and a router's address costs another trip.
    `announce` is given the database, as `school at localhost:5432`, where it is at head.
    """
    url = settings.database_url or ""
    if not URL_SCHEME.match(url):
        return False
    usual: dict[str, Any] = {
        **timed_query.LIMITS,
        "application_name": f"{program()} {command}",
        "client_encoding": "utf8",
    }
    # without `options` PGOPTIONS would apply, which no other connection of ours takes
    address = URL_SCHEME.sub("postgresql://", url, count=1).replace(" ", "%20")  # SQLAlchemy takes and writes spaces
    given = {name: value for name, value in {**usual, "options": ""}.items() if f"{name}=" not in url}
    try:
        with psycopg.connect(address, autocommit=True, **given) as connection:
            query = partial(fetch, connection, settings)
            if directly:
                rows = query(DIRECT)
                found = len(rows) == 1 and _is_wholly_at(head, rows[0], connection)
            else:
                found = finished_revisions(query) == (head,)
            if found:
                announce(f"{connection.info.dbname} at {connection.info.host}:{connection.info.port}")
            return found
    except psycopg.Error:
        return False


def fetch(connection: psycopg.Connection, settings: Settings, query: str) -> list[tuple[str | None, ...]]:
    """Run `query`, outside a transaction, within the limits of `settings`; return its rows as text.

    Raises psycopg's LockNotAvailable where somebody holds the table, and NoAnswer, after which the connection is lost.
    """
    within = f"set local lock_timeout = {settings.lock_timeout}; set local row_security = off; "
    try:
        return timed_query.fetch(connection, within + query, settings.answer_timeout)
    except timed_query.NoAnswer:
        timed_query.sever(connection)  # an answer that comes later would be taken for the one to something else
        raise


def _is_wholly_at(head: str, row: Sequence[str | None], connection: psycopg.Connection) -> bool:
    version, unfinished, pid, port = row
    return (
        version == head and not unfinished and pooler.is_direct(connection, int(pid or 0), int(port) if port else None)
    )
