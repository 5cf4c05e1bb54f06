"""Checks that the migrating role owns the tables, and lets a superuser migrate as their owner.

What a revision creates belongs to the role that runs it, so all tables have to have that owner.
"""

import logging
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from sqlalchemy.engine import Connection

from surefoot.catalogue.reader import BOOKKEEPING
from surefoot.errors import RefusedError

log = logging.getLogger("surefoot")

SHOWN = 5
"""How many tables an error names."""
OWNED = """
select c.relname::text as name,
       o.rolname::text as owner,
       o.rolname = current_user as mine,
       pg_has_role(session_user, o.oid, 'MEMBER') as may_be,
       me.rolsuper as superuser,
       has_schema_privilege(o.oid, c.relnamespace, 'CREATE')
       and has_database_privilege(o.oid, current_database(), 'CREATE')
       and not exists (
               select from pg_namespace where nspname = 'retired' and not pg_has_role(o.oid, nspowner, 'USAGE')
           )
       and not exists (
               select from pg_class as books
                where books.relnamespace = c.relnamespace
                  and books.relname = any (%(books)s)
                  and not pg_has_role(o.oid, books.relowner, 'USAGE')
           )
       and (
               o.rolbypassrls
               or not exists (
                   select from pg_class as hidden
                    where hidden.relnamespace = c.relnamespace
                      and hidden.relrowsecurity
                      and hidden.relforcerowsecurity
               )
           ) as able
  from pg_class c
  join pg_roles o on o.oid = c.relowner
  join pg_roles me on me.rolname = current_user
 where c.relnamespace = quote_ident(current_schema())::regnamespace
   and c.relkind in ('r', 'p')
   and c.relname <> all (%(books)s)
   and not exists (
           select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e'
       )
 order by 1
"""
WHO = "select current_user, session_user"
CREATES = """
select 'schema ' || current_schema() where not has_schema_privilege(current_schema(), 'CREATE')
 union all
select 'database ' || current_database()
 where to_regnamespace('retired') is null
   and not has_database_privilege(current_database(), 'CREATE')
"""
"""Where CREATE is missing: on the schema of the tables, or on the database while schema `retired` does not exist."""


def refuse_other_owner(connection: Connection, tables: Collection[str]) -> None:
    """Raise RefusedError where the current role does not own the tables. A superuser passes.

    `tables` names the tables that count, or all tables of the schema count where it has none of them.
    """
    others = _of_others(connection, tables)
    if not others:
        return
    me, login = connection.exec_driver_sql(WHO).one()
    raise RefusedError(
        f"{me} would migrate, but of the tables {_belong(others)}: what it creates would belong to the wrong role.",
        f"{_remedy(login, _owners(others), may_be=all(row.may_be for row in others))} Nothing was changed.",
    )


def missing_privilege(connection: Connection, tables: Collection[str]) -> str | None:
    """Return a sentence that says what the role of `connection` lacks to run an upgrade; None where it lacks nothing.

    `tables` is that of `refuse_other_owner`. This is for commands that only inspect.
    """
    me, _ = connection.exec_driver_sql(WHO).one()
    others = _of_others(connection, tables)
    if others:
        return (
            f"The role {me} could not run this upgrade itself: of the tables {_belong(others)}, and only who "
            "owns them may change them"
        )
    missing = connection.exec_driver_sql(CREATES).scalars().all()
    if missing:
        return f"The role {me} could not run this upgrade itself: it lacks CREATE on {' and on '.join(missing)}"
    return None


@contextmanager
def as_table_owner(driver: psycopg.Connection[Any], tables: Collection[str], *, in_transaction: bool) -> Iterator[str]:
    """Let a superuser work as the owner of the tables inside the block (SET ROLE), so that new objects are the owner's.

    Yields the current role. Where the owner lacks a privilege for it, a warning is logged and the superuser remains.
    The role is reset at the end; `in_transaction` says whether the caller's transaction is open, which is not
    committed.
    """
    owner = _owner_to_become(driver, tables)
    before = _set_role(driver, owner) if owner is not None else None
    (role,) = driver.execute("select current_user::text").fetchone() or ("",)
    if not in_transaction:
        driver.commit()
    try:
        yield str(role)
    finally:
        if before is None or driver.closed:
            pass
        elif not in_transaction:
            driver.rollback()
            _set_role(driver, before)
            driver.commit()
        elif driver.info.transaction_status != TransactionStatus.INERROR:
            _set_role(driver, before)


def _owner_to_become(driver: psycopg.Connection[Any], tables: Collection[str]) -> str | None:
    with driver.cursor(row_factory=psycopg.rows.namedtuple_row) as cursor:
        owned: list[Any] = cursor.execute(OWNED, {"books": sorted(BOOKKEEPING)}).fetchall()
    if len({row.owner for row in owned}) > 1:  # else it does not matter which of them count
        owned = _of(tables, owned)
    owners = {row.owner for row in owned}
    if len(owners) != 1 or owned[0].mine or not owned[0].superuser:
        return None
    owner = str(owned[0].owner)
    if not owned[0].able:
        log.warning(
            "The tables belong to %s, whom row security that is forced, or a right to create that is missing, would "
            "keep from a part of this. So it is done as you, and what it makes is yours: %s gets rights on it.",
            owner, owner,
        )  # fmt: skip
        return None
    return owner


def _set_role(driver: psycopg.Connection[Any], role: str) -> str:
    """Set the role and return the previous one, or "none"."""
    row = driver.execute(
        "with present as materialized (select current_setting('role') as before)"
        " select before, set_config('role', %s, false) from present",
        (role,),
    ).fetchone()
    assert row is not None
    return str(row[0])


def _of_others(connection: Connection, tables: Collection[str]) -> list[Any]:
    owned = list(connection.exec_driver_sql(OWNED, {"books": sorted(BOOKKEEPING)}))
    if all(row.mine for row in owned):
        return []
    others = [row for row in _of(tables, owned) if not row.mine]
    return [] if others and others[0].superuser else others


def _owners(others: Sequence[Any]) -> list[str]:
    return sorted({row.owner for row in others})


def _belong(others: Sequence[Any]) -> str:
    shown = ", ".join(row.name for row in others[:SHOWN])
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    return f"{len(others)} belong to {' and '.join(_owners(others))} ({shown}{more})"


def _of(tables: Collection[str], owned: list[Any]) -> list[Any]:
    return [row for row in owned if row.name in tables] or owned


def _remedy(login: str, owners: list[str], *, may_be: bool) -> str:
    owner = owners[0]
    if len(owners) > 1:
        return f"Let one role own them all (alter table … owner to {_quoted(owner)}), and connect as it."
    if may_be:
        option = quote("-crole=" + re.sub(r"([\\\s])", r"\\\1", owner), safe="")
        return (
            f"{login} may act as {owner}: alter role {_quoted(login)} set role {_quoted(owner)}, or add "
            f"?options={option} to DATABASE_URL."
        )
    return f"Connect as {owner}, or have them given to {login}: alter table … owner to {_quoted(login)}."


def _quoted(name: str) -> str:
    return name if name.isidentifier() and name.lower() == name else sql.Identifier(name).as_string()
