"""May this role back the database up? Asked before anything is started: the programs, and every table's rows."""

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

# What pg_dump locks or reads: tables and sequences, none of an extension's.
UNREADABLE = sa.text("""
    select format('%I.%I', nspname, relname)
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
"""How many tables a sentence names."""


def ready(url: URL) -> None:
    """Raise what would stop a backup of `url` before it begins: no program that can, or rows that may not be read.

    Raises UsageError for the first; for the second RefusedError where row security hides them, else FailedError.
    """
    engine = database.engine_for(url, application_name=f"{program()} backup")
    with server_facts.explained(url), engine.connect() as connection:
        preconditions.refuse_hidden_rows(connection, preconditions.EVERYWHERE)
        programs(connection, url)
        readable(connection)


def programs(connection: Connection, url: URL) -> Path:
    """The pg_dump for the server of `connection`, when there is a pg_restore that reads what it writes as well."""
    found = client_programs.for_connection("pg_dump", server_facts.rights(connection).major, connection, url)
    client_programs.program("pg_restore", client_programs.major(found))
    return found


def readable(connection: Connection) -> None:
    """Raise FailedError that names every table that the role may not read; row security is `refusals.hidden_rows`'."""
    denied = connection.execute(UNREADABLE).scalars().all()
    if denied:
        raise denied_to(server_facts.rights(connection).role, denied)


def denied_to(role: str, tables: Sequence[str]) -> FailedError:
    """The sentence for tables that the role may not read."""
    quoted = sql.Identifier(role).as_string()
    all_of_them = f"let a superuser run: grant pg_read_all_data to {quoted};"
    few = f"Let the owner run: grant select on {', '.join(tables)} to {quoted}; or " if len(tables) <= FEW else ""
    remedy = f"{few}{all_of_them} or back up as the owner of the tables. Nothing was changed."
    return FailedError(
        f"The role {role!r} may not read {server_facts.listed(list(tables), FEW)} (permission denied), and a backup "
        "without them would be none.",
        remedy[0].upper() + remedy[1:],
    )


def hidden_from(role: str, tables: Sequence[str]) -> FailedError:
    """The sentence for tables of which row security shows the role only a part."""
    quoted = sql.Identifier(role).as_string()
    return FailedError(
        f"Row security hides rows of {server_facts.listed(list(tables))} from the role {role!r}, and a backup without "
        "them would be none.",
        f"Let a superuser run: alter role {quoted} bypassrls; or back up as the tables' owner, where row security is "
        f"not forced on it (alter table {tables[0]} no force row level security). Nothing was changed.",
    )
