"""Resets a development database: drops everything of the school, and seeds a small one."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import command
from psycopg import errors
from sqlalchemy.engine import URL

from ourschool import seed
from surefoot.catalogue.reader import BOOKKEEPING
from surefoot.database import driver_of, execute_verbatim
from surefoot.environment import alembic_api
from surefoot.errors import RefusedError
from surefoot.operate import retired_items
from surefoot.operate.migrator_connection import connect_as_migrator
from surefoot.readonly import read_connection
from surefoot.runtime import shared_retired
from surefoot.settings import Settings

EMBEDDED = "embedded"
JOURNAL = "migration_journal"

TABLES = sa.text("""
    select case nspname when current_schema() then quote_ident(relname) else format('%I.%I', nspname, relname) end
               as name,
           format('%I.%I', nspname, relname) as quoted
      from pg_class c
      join pg_namespace n on n.oid = relnamespace
     where (nspname = current_schema() or nspname = any (:schemas))
       and relkind in ('r', 'p')
       and not relispartition
       and not (nspname = current_schema() and relname = any (:bookkeeping))
       and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
     order by 1
""")
# One transaction. What belongs to an extension stays, and so does the migration journal.
EMPTY = f"""
do $reset$
declare
    command text;
begin
    for command in select format('drop schema %I cascade', nspname) from pg_namespace
                    where nspname in ('{"', '".join(retired_items.SCHEMAS)}')
    loop
        execute command;
    end loop;
    for command in
        with thing (class, id, kind, name) as (
            select 'pg_class'::regclass, oid,
                   case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                                when 'f' then 'foreign table' when 'c' then 'type' else 'table' end,
                   format('%I.%I', current_schema(), relname)
              from pg_class
             where relnamespace = quote_ident(current_schema())::regnamespace
               and relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')
               and relname <> '{JOURNAL}'
            union all
            select 'pg_type'::regclass, oid, case typtype when 'd' then 'domain' else 'type' end,
                   format('%I.%I', current_schema(), typname)
              from pg_type
             where typnamespace = quote_ident(current_schema())::regnamespace
               and typtype in ('e', 'd', 'r')
            union all
            select 'pg_proc'::regclass, oid, 'routine', oid::regprocedure::text
              from pg_proc
             where pronamespace = quote_ident(current_schema())::regnamespace
        )
        select format('drop %s if exists %s cascade', kind, name)
          from thing
         where not exists (select from pg_depend where classid = class and objid = id and deptype in ('e', 'i'))
           and not exists (select from pg_depend where classid = class and objid = id and deptype = 'a'
                              and refclassid = 'pg_class'::regclass)
         order by kind <> 'table'
    loop
        execute command;
    end loop;
end
$reset$
"""  # noqa: S608  # constants of ours


@dataclass(frozen=True)
class Former:
    """What a reset would delete: the number of rows by table, the biggest first."""

    database: str
    server: str
    rows: Mapping[str, int]

    @property
    def total(self) -> int:
        """The number of rows of all tables."""
        return sum(self.rows.values())


def may_be_emptied(settings: Settings) -> bool:
    """Return whether the database is marked for development: by OURSCHOOL_DEVELOPMENT, or as the embedded server's."""
    return settings.development or (settings.database_url or "").partition(":")[0] == EMBEDDED


def former(settings: Settings, url: URL) -> Former:
    """Count the rows of the school's schema and of the schemas of retired items; nothing is changed.

    Raises RefusedError where the database is not marked as one for development.
    """
    _refuse_unmarked(settings, url)
    parameters = {"schemas": list(retired_items.SCHEMAS), "bookkeeping": list(BOOKKEEPING)}
    with read_connection(url, "ourschool reset") as connection:
        name = str(connection.execute(sa.text("select current_database()")).scalar_one())
        counted = {
            table.name: int(execute_verbatim(connection, f"select count(*) from {table.quoted}").scalar_one())  # noqa: S608
            for table in connection.execute(TABLES, parameters).all()
        }
    rows = {name: count for name, count in sorted(counted.items(), key=lambda one: (-one[1], one[0])) if count}
    return Former(name, _server(settings, url), rows)


def reset(settings: Settings, url: URL, plan: seed.Plan) -> dict[str, int]:
    """Drop everything of the school, upgrade to head, seed a school by `plan`; return the number of rows by table.

    Other schemas and the journal stay. A reset that was cut off can be run again. Raises RefusedError where the
    database is not marked as one for development, or a table is in use.
    """
    _refuse_unmarked(settings, url)
    _empty(settings, url)
    with alembic_api.configured(settings, url, application_name="ourschool reset") as config:
        command.upgrade(config, "head")
        connection = config.attributes["connection"]
        driver = driver_of(connection)
        rows = seed.seed(driver, plan)
        driver.commit()
    return rows


def _empty(settings: Settings, url: URL) -> None:
    with connect_as_migrator(settings, url, "ourschool reset") as connection:
        try:
            with connection.begin():
                shared_retired.refuse_other_owner(connection)
                execute_verbatim(connection, EMPTY)
        except sa.exc.DBAPIError as fault:
            if not isinstance(fault.orig, errors.LockNotAvailable):
                raise
            raise RefusedError(
                f"Somebody uses a table of {url.database}. Nothing was deleted.",
                "Stop the application and whoever else is connected, and run the same command again.",
            ) from fault


def _refuse_unmarked(settings: Settings, url: URL) -> None:
    if not may_be_emptied(settings):
        raise RefusedError(
            f"Database {url.database!r} is not marked as one for development, and a reset deletes every row.",
            "Where you are certain, set OURSCHOOL_DEVELOPMENT=yes in the environment or in .env.",
        )


def _server(settings: Settings, url: URL) -> str:
    if (settings.database_url or "").partition(":")[0] == EMBEDDED:
        return "the embedded server of this project"
    return f"{url.host or url.query.get('host') or 'this machine'}:{url.port or url.query.get('port') or 5432}"
