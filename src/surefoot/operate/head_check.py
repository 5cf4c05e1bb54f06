"""Checks with psycopg alone whether a database is at head: it runs before every start and must load quickly."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from surefoot.program import program
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
VERSIONS_AND_DOWNGRADES = f"""
    select version_num,
           coalesce((
               select direction = 'downgrade' and outcome <> 'done'
                 from migration_journal
                where revision = version_num
                order by id desc
                limit 1
           ), false)
      from alembic_version {ONE_SCHEMA}
"""  # noqa: S608
"""The revisions of `alembic_version`, and for each whether its last journal entry is a downgrade that did not
finish."""
WITHOUT_JOURNAL = frozenset({"42P01", "42501"})
"""The SQLSTATEs of a journal that does not exist or that this role may not read."""

RunQuery = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a query and returns its rows. If the query fails, the connection has to accept another one."""


def finished_revisions(run_query: RunQuery) -> tuple[str, ...]:
    """Return the revisions in `alembic_version` that are not in the middle of a downgrade, as far as the journal tells.

    This is one round trip, or two if the journal cannot be read. Raises what `run_query` raises if `alembic_version`
    itself cannot be read.
    """
    try:
        return tuple(version for version, unfinished in run_query(VERSIONS_AND_DOWNGRADES) if not unfinished)
    except Exception as fault:
        if sqlstate(fault) not in WITHOUT_JOURNAL:
            raise
        return tuple(version for (version,) in run_query(VERSIONS))


def sqlstate(fault: Exception) -> str | None:
    """Return the SQLSTATE of an exception of psycopg, or of one of SQLAlchemy that wraps it; None if it has none."""
    return getattr(getattr(fault, "orig", fault), "sqlstate", None)


def at_head(settings: Settings) -> str | None:
    """Return the head if the database is at it, else None; None also if the check fails for whatever reason.

    The caller then calls `ensure_current`, which explains what is wrong.
    """
    head, url = settings.project.head(), settings.database_url or ""
    if head is None or not URL_SCHEME.match(url):
        return None
    try:
        with psycopg.connect(
            URL_SCHEME.sub("postgresql://", url, count=1),
            autocommit=True, application_name=f"{program()} ensure", connect_timeout=10,
            client_encoding="utf8",
        ) as connection:  # fmt: skip
            revisions = finished_revisions(lambda query: connection.execute(query.encode()).fetchall())
    except psycopg.Error:
        return None
    return head if revisions == (head,) else None
