"""Checks before a backup that this role can make it: the programs, and the rows of every table."""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import client_programs, database
from surefoot.errors import FailedError
from surefoot.operate.backup import server_facts
from surefoot.program import program
from surefoot.runtime import preconditions

# pg_dump locks and reads tables and sequences, except those of extensions.
UNREADABLE = sa.text("""
    select format('%I.%I', nspname, relname) as name,
           pg_get_userbyid(relowner)::text as owner,
           case when not has_schema_privilege(n.oid, 'USAGE') then quote_ident(nspname) end as closed
      from pg_class c
      join pg_namespace n on n.oid = relnamespace
     where relkind in ('r', 'p', 'S')
       and nspname !~ '^pg_'
       and nspname <> 'information_schema'
       and not exists (
           select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e'
       )
       and (not has_schema_privilege(n.oid, 'USAGE') or not has_table_privilege(c.oid, 'SELECT'))
     order by relkind = 'S', nspname collate "C", relname collate "C"
""")

FEW = 5
"""The number of tables that a sentence names at most."""


def require_backup_rights(url: URL) -> None:
    """Raise what would stop a backup of `url`, before anything is started.

    Raises UsageError if there is no suitable pg_dump, RefusedError if row security hides rows, and FailedError if the
    role may not read all tables.
    """
    engine = database.engine_for(url, application_name=f"{program()} backup")
    with server_facts.explaining_errors(url), engine.connect() as connection:
        preconditions.refuse_hidden_rows(connection, preconditions.EVERYWHERE)
        find_pg_dump(connection, url)
        require_readable(connection)


def find_pg_dump(connection: Connection, url: URL) -> Path:
    """Return the pg_dump for the server of `connection`.

    Raises UsageError without it, or without a matching pg_restore.
    """
    pg_dump = client_programs.for_connection("pg_dump", server_facts.rights(connection).major, connection, url)
    client_programs.program("pg_restore", client_programs.major(pg_dump))
    return pg_dump


def require_readable(connection: Connection) -> None:
    """Raise FailedError, naming the tables, if the role may not read all of them; row security is checked elsewhere."""
    denied = connection.execute(UNREADABLE).all()
    if denied:
        raise permission_error(
            server_facts.rights(connection).role,
            [row.name for row in denied],
            owners=sorted({row.owner for row in denied}),
            closed=sorted({row.closed for row in denied if row.closed}),
        )


def permission_error(
    role: str, tables: Sequence[str], *, owners: Sequence[str] = (), closed: Sequence[str] = ()
) -> FailedError:
    """Return the error for tables that the role may not read: of these owners, some in schemas `closed` to it."""
    quoted = sql.Identifier(role).as_string()
    grant_all = f"let a superuser run: grant pg_read_all_data to {quoted};"
    usage = f"grant usage on schema {', '.join(closed)} to {quoted}; " if closed else ""
    whom = f"the owner{'s' if len(owners) > 1 else ''}{', ' if owners else ''}{' and '.join(owners)}"
    grant_some = (
        f"Let {whom}{', ' if owners else ' '}run: {usage}grant select on {', '.join(tables)} to {quoted}; or "
        if len(tables) <= FEW
        else ""
    )
    remedy = f"{grant_some}{grant_all} or back up as the owner of the tables. Nothing was changed."
    return FailedError(
        f"The role {role!r} may not read {server_facts.listed(list(tables), FEW)} (permission denied), and a backup "
        "without them would be none.",
        remedy[0].upper() + remedy[1:],
    )


def row_security_error(role: str, tables: Sequence[str]) -> FailedError:
    """Return the error for tables of which row security hides rows from the role."""
    quoted = sql.Identifier(role).as_string()
    return FailedError(
        f"Row security hides rows of {server_facts.listed(list(tables))} from the role {role!r}, and a backup without "
        "them would be none.",
        f"Let a superuser run: alter role {quoted} bypassrls; or back up as the tables' owner, where row security is "
        f"not forced on it (alter table {tables[0]} no force row level security). Nothing was changed.",
    )
