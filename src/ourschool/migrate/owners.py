"""One owner for the whole school: who migrates is the owner, or a superuser whose work is handed over to the owner."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from ourschool.database import as_it_is
from ourschool.errors import RefusedError
from ourschool.migrate.rights import TABLES
from ourschool.schema.snapshot import BOOKKEEPING

SHOWN = 5
ME = sa.text("""
select r.rolname::text as name, r.oid, r.rolsuper as superuser, session_user::text as login
  from pg_roles r
 where r.rolname = current_user
""")
OWNED = sa.text(f"""
select school.name, r.oid, r.rolname::text as owner, pg_has_role(session_user, r.oid, 'MEMBER') as may_be
  from ({TABLES}) as school
  join pg_roles r on r.oid = school.relowner
 order by school.name
""")  # noqa: S608  # a constant of ours
# A sequence of a column goes with its table, an index too. What an extension made is the extension's.
MINE = sa.text("""
with space as (
    select oid from pg_namespace where oid = current_schema()::regnamespace or nspname = 'retired'
), mine as (
    select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                          when 'f' then 'foreign table' else 'table' end as kind,
           c.oid, 'pg_class'::regclass as class, c.oid::regclass::text as name
      from pg_class c
     where c.relnamespace in (select oid from space)
       and c.relowner = :me
       and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
       and not exists (
               select from pg_depend
                where classid = 'pg_class'::regclass and objid = c.oid and deptype in ('a', 'i') and refobjsubid > 0
           )
    union all
    select 'function', p.oid, 'pg_proc'::regclass, p.oid::regprocedure::text
      from pg_proc p
     where p.pronamespace in (select oid from space)
       and p.proowner = :me
       and p.prokind = 'f'
    union all
    select 'type', t.oid, 'pg_type'::regclass, format_type(t.oid, null)
      from pg_type t
     where t.typnamespace in (select oid from space)
       and t.typowner = :me
       and t.typtype in ('e', 'd')
    union all
    select 'schema', n.oid, 'pg_namespace'::regclass, format('%I', n.nspname)
      from pg_namespace n
     where n.nspname = 'retired'
       and n.nspowner = :me
)
select kind, oid, name
  from mine
 where not exists (
           select from pg_depend where classid = mine.class and objid = mine.oid and deptype = 'e'
       )
""")


class HandingOver:
    """What a superuser creates in the place of the school's one owner becomes the owner's, as if they had created it.

    Raises RefusedError for one who is neither: what such a role creates would be the wrong one's.
    """

    def __init__(self, connection: Connection, school: Collection[str] | None = None) -> None:
        self._me, self._owner = 0, None
        me = connection.execute(ME).one()
        owned = connection.execute(OWNED, {"bookkeeping": sorted(BOOKKEEPING)}).all()
        owned = [row for row in owned if row.name in (school or ())] or owned
        others = [row for row in owned if row.oid != me.oid]
        if not others:
            return
        owners = {row.owner for row in others}
        if not me.superuser:
            raise _refused(me, [row.name for row in others], owners, may_be=all(row.may_be for row in others))
        if len(others) == len(owned) and len(owners) == 1:
            self._me, self._owner = me.oid, owners.pop()
            self._known = {(row.kind, row.oid) for row in self._mine(connection) if row.name not in BOOKKEEPING}

    def hand_over(self, connection: Connection) -> None:
        """Give what was created since to the owner, inside the transaction that created it."""
        if self._owner is None:
            return
        for row in self._mine(connection):
            if (row.kind, row.oid) not in self._known:
                as_it_is(
                    connection,
                    sql.SQL("alter {} {} owner to {}").format(
                        sql.SQL(row.kind), sql.SQL(row.name), sql.Identifier(self._owner)
                    ),
                )

    def _mine(self, connection: Connection) -> list[sa.Row[Any]]:
        return list(connection.execute(MINE, {"me": self._me}))


def _refused(me: sa.Row[Any], tables: list[str], owners: set[str], *, may_be: bool) -> RefusedError:
    shown = ", ".join(tables[:SHOWN]) + (f" and {len(tables) - SHOWN} more" if len(tables) > SHOWN else "")
    several = len(owners) > 1
    owner = min(owners)
    if several:
        remedy = f"Let one role own them all (alter table … owner to {owner}), and connect as it."
    elif may_be:
        remedy = (
            f"{me.login} may act as {owner}: alter role {_quoted(me.login)} set role {_quoted(owner)}, or add "
            f"?options=-crole%3D{owner} to DATABASE_URL."
        )
    else:
        remedy = (
            f"Connect as {owner}, or let {owner} take {me.login} in: grant {_quoted(owner)} to {_quoted(me.login)}."
        )
    return RefusedError(
        f"{me.name} would migrate, but {len(tables)} tables of the school belong to {' and '.join(sorted(owners))} "
        f"({shown}): what it creates would belong to the wrong role.",
        f"{remedy} Nothing was changed.",
    )


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string() if not name.isidentifier() or name.lower() != name else name
