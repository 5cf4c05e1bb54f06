"""The rights of other roles follow: what one had on all tables that were there it gets on those that a run makes."""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection, Row

from ourschool.database import as_it_is
from ourschool.errors import UsageError
from ourschool.schema.snapshot import BOOKKEEPING
from ourschool.settings import ApplicationRole

log = logging.getLogger("ourschool.migrate")

EVERYBODY = "public"
"""No role can have this name."""
MUCH = 4
"""A role that has rights on a quarter of the tables is one that works with the school, not one that looks at a few."""

TABLES = """
select c.oid, c.relname::text as name, c.relowner
  from pg_class c
 where c.relnamespace = current_schema()::regnamespace
   and c.relkind in ('r', 'p')
   and c.relname <> all (:bookkeeping)
   and not exists (
           select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e'
       )
"""
# Whoever migrates needs nothing. The owner of a table, where it is another, has all without any grant.
HELD = sa.text(f"""
with school as ({TABLES})
select school.oid, school.name, coalesce(r.rolname::text, '{EVERYBODY}') as role, g.privilege_type as privilege,
       g.is_grantable as grantable
  from school
  join pg_class c on c.oid = school.oid
 cross join lateral aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as g
  left join pg_roles r on r.oid = g.grantee
 where g.grantee <> current_user::regrole
   and (g.grantee = 0 or r.oid is not null)
""")  # noqa: S608  # constants of ours
# What PostgreSQL does by itself for what the owner creates, it does not where a superuser creates it in his place.
DEFAULTS = sa.text(f"""
select distinct coalesce(r.rolname::text, '{EVERYBODY}') as role, g.privilege_type as privilege,
       g.is_grantable as grantable
  from pg_default_acl d
 cross join lateral aclexplode(d.defaclacl) as g
  left join pg_roles r on r.oid = g.grantee
 where d.defaclobjtype = 'r'
   and d.defaclnamespace in (0, current_schema()::regnamespace)
   and d.defaclrole in (select relowner from ({TABLES}) as school)
   and g.grantee <> current_user::regrole
   and (g.grantee = 0 or r.oid is not null)
""")  # noqa: S608
# Identity columns draw from their sequences by themselves; a column whose default says nextval() asks for a right.
KNOWN = sa.text("""
with space as (select oid from pg_namespace where oid = current_schema()::regnamespace or nspname = 'retired')
select oid from pg_class where relnamespace in (select oid from space)
union all
select oid from pg_proc where pronamespace in (select oid from space)
union all
select oid from pg_type where typnamespace in (select oid from space)
""")
"""What comes back from where it was set aside has kept its own rights."""
THINGS = sa.text("""
select 'table' as kind, c.oid, format('%I', c.relname) as name, c.relkind in ('v', 'm') as view
  from pg_class c
 where c.relnamespace = current_schema()::regnamespace
   and c.relkind in ('r', 'p', 'v', 'm', 'f')
   and c.relname <> all (:bookkeeping)
union all
select 'sequence', c.oid, format('%I', c.relname), false
  from pg_class c
 where c.relnamespace = current_schema()::regnamespace
   and c.relkind = 'S'
   and not exists (
           select from pg_depend
            where classid = 'pg_class'::regclass and objid = c.oid and deptype in ('i', 'e')
       )
union all
select 'function', p.oid, p.oid::regprocedure::text, false
  from pg_proc p
 where p.pronamespace = current_schema()::regnamespace
   and p.prokind in ('f', 'w')
   and p.prorettype <> all ('{trigger,event_trigger}'::regtype[])
union all
select 'type', t.oid, format('%I', t.typname), false
  from pg_type t
 where t.typnamespace = current_schema()::regnamespace
   and t.typtype in ('e', 'd')
 order by 1, 3
""")
MAY = {
    "function": sa.text("select has_function_privilege(:role, cast(:oid as oid), 'execute')"),
    "type": sa.text("select has_type_privilege(:role, cast(:oid as oid), 'usage')"),
}
SCRATCH = "scratch of ourschool"
"""How the comment of a database begins that goes with the command that made it."""
EXISTS = sa.text("""
select to_regrole(quote_ident(:name)) is not null,
       coalesce(starts_with(shobj_description(oid, 'pg_database'), :scratch), false)
  from pg_database
 where datname = current_database()
""")
NEEDED = {"sequence": "usage", "function": "execute", "type": "usage"}


@dataclass(frozen=True)
class Right:
    """What one role gets on each new table; those of `grantable` with the right to pass it on."""

    role: str
    privileges: frozenset[str]
    grantable: frozenset[str] = frozenset()

    @property
    def identifier(self) -> sql.Composable:
        """The role as GRANT names it."""
        return sql.SQL("public") if self.role == EVERYBODY else sql.Identifier(self.role)

    @property
    def said(self) -> str:
        """The privileges, as people write them."""
        return listed(self.privileges)


@dataclass(frozen=True)
class Lacking:
    """A role that works with the school and has no right at all on some tables."""

    role: str
    has: int
    """On how many tables it has rights."""
    most: frozenset[str]
    """What it has on all of those; perhaps nothing."""
    tables: tuple[str, ...]
    """Those on which it has none, quoted."""

    @property
    def called(self) -> str:
        """The role in a sentence."""
        return "PUBLIC" if self.role == EVERYBODY else f"Role {self.role}"

    @property
    def statement(self) -> str:
        """What gives it the same on these tables as on the others, to be pasted."""
        who = "public" if self.role == EVERYBODY else sql.Identifier(self.role).as_string()
        return f"grant {listed(self.most) or 'select'} on {', '.join(self.tables)} to {who};"


class Rights:
    """The rights of one run: read before its first step, given to what the steps make, in their own transactions.

    `school` names the tables that count as the school's; all of the schema where it is None or has none of them.
    Raises UsageError for an application's role that the server does not have.
    """

    def __init__(
        self, connection: Connection, school: Collection[str] | None = None, named: ApplicationRole | None = None
    ) -> None:
        known = connection.execute(KNOWN).scalars().all()
        self._known = set(known)
        self.following = following(connection, school)
        if named is not None and _exists(connection, named):
            of_others = tuple(each for each in self.following if each.role != named.name)
            self.following = (*of_others, Right(named.name, frozenset(map(str.upper, named.privileges))))
        self._named = named

    def follow(self, connection: Connection) -> list[str]:
        """Give what is new what it should have; returns what was given, in words for the journal."""
        if not self.following:
            return []
        new = [row for row in _things(connection) if row.oid not in self._known]
        self._known |= {row.oid for row in new}
        return [said for right in self.following for said in self._give(connection, right, new)] if new else []

    def _give(self, connection: Connection, right: Right, new: Sequence[Row[Any]]) -> Iterator[str]:
        if self._named is not None and right.role == self._named.name:
            _into_the_schema(connection, right)
        views = [row.name for row in new if row.kind == "table" and row.view]
        if views and "SELECT" in right.privileges:
            _grant(connection, "select", ", ".join(views), right.identifier)
        tables = [row.name for row in new if row.kind == "table" and not row.view]
        if tables:
            for some, passing in ((right.privileges - right.grantable, ""), (right.grantable, " with grant option")):
                if some:
                    to = right.identifier + sql.SQL(passing)
                    _grant(connection, listed(some), ", ".join(tables), to)
            log.info("%s may %s %s, as the tables from before.", _called(right), right.said, ", ".join(tables))
            yield f"grant {right.said} on {', '.join(tables)} to {right.role}"
        for kind, what in NEEDED.items():
            names = [row.name for row in new if row.kind == kind and _lacks(connection, right, row)]
            if names:
                _grant(connection, what, f"{kind} {', '.join(names)}", right.identifier)


def following(connection: Connection, school: Collection[str] | None = None) -> tuple[Right, ...]:
    """What each other role has on every table of the school, and what new ones would have by default."""
    tables, held = _held(connection, school)
    found = {
        role: Right(role, _common(by_table, grantable=False), _common(by_table, grantable=True))
        for role, by_table in held.items()
        if by_table.keys() == tables.keys()
    }
    for row in connection.execute(DEFAULTS, {"bookkeeping": sorted(BOOKKEEPING)}):
        right = found.get(row.role, Right(row.role, frozenset()))
        passing = right.grantable | ({row.privilege} if row.grantable else set())
        found[row.role] = Right(row.role, right.privileges | {row.privilege}, passing)
    return tuple(sorted((each for each in found.values() if each.privileges), key=lambda each: each.role))


def lacking(connection: Connection, school: Collection[str] | None = None) -> tuple[Lacking, ...]:
    """The roles that have rights on a good part of the school's tables and none at all on others."""
    tables, held = _held(connection, school)
    return tuple(
        Lacking(
            role,
            len(by_table),
            _common(by_table, grantable=False),
            tuple(sql.Identifier(name).as_string() for name in sorted(tables.keys() - by_table.keys())),
        )
        for role, by_table in sorted(held.items())
        if by_table.keys() < tables.keys() and len(by_table) * MUCH >= len(tables)
    )


def listed(privileges: Collection[str]) -> str:
    """The privileges in one order: `select, insert, update, delete`, then the others."""
    order = ("SELECT", "INSERT", "UPDATE", "DELETE")
    return ", ".join([each.lower() for each in order if each in privileges] + sorted(
        each.lower() for each in privileges if each not in order
    ))  # fmt: skip


Held = dict[str, dict[str, dict[str, bool]]]
"""Of each role by table: its privileges, and whether it may pass them on."""


def _held(connection: Connection, school: Collection[str] | None) -> tuple[dict[str, int], Held]:
    every = connection.execute(sa.text(TABLES), {"bookkeeping": sorted(BOOKKEEPING)}).all()
    tables = {row.name: row.oid for row in every}
    tables = {name: oid for name, oid in tables.items() if name in (school or ())} or tables
    held: Held = {}
    for row in connection.execute(HELD, {"bookkeeping": sorted(BOOKKEEPING)}):
        if row.name in tables:
            held.setdefault(row.role, {}).setdefault(row.name, {})[row.privilege] = row.grantable
    return tables, held


def _common(by_table: dict[str, dict[str, bool]], *, grantable: bool) -> frozenset[str]:
    each = [{name for name, passing in held.items() if passing or not grantable} for held in by_table.values()]
    return frozenset(set.intersection(*each)) if each else frozenset()


def _things(connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(THINGS, {"bookkeeping": sorted(BOOKKEEPING)}).all()


def _lacks(connection: Connection, right: Right, row: Row[Any]) -> bool:
    """A sequence is drawn from by whoever inserts; what everybody may use by default needs no grant."""
    if row.kind == "sequence":
        return "INSERT" in right.privileges
    return not connection.execute(MAY[row.kind], {"role": right.role, "oid": row.oid}).scalar_one()


def _grant(connection: Connection, what: str, on: str, to: sql.Composable) -> None:
    as_it_is(connection, sql.SQL("grant {} on {} to {}").format(sql.SQL(what), sql.SQL(on), to))


def _into_the_schema(connection: Connection, right: Right) -> None:
    """Whom a setting names may be new to the school: without the schema the tables are of no use."""
    schema, may = connection.execute(
        sa.text("select current_schema(), has_schema_privilege(:role, current_schema(), 'usage')"), {"role": right.role}
    ).one()
    if not may:
        as_it_is(connection, sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), right.identifier))


def _called(right: Right) -> str:
    return "Everybody" if right.role == EVERYBODY else f"Role {right.role}"


def _exists(connection: Connection, named: ApplicationRole) -> bool:
    """A scratch database may be on a server of its own, which knows nobody."""
    there, scratch = connection.execute(EXISTS, {"name": named.name, "scratch": SCRATCH}).one()
    if not there and not scratch:
        raise UsageError(
            f"OURSCHOOL_APPLICATION_ROLE names {named.name!r}, a role that this server does not have.",
            f"Create it (create role {sql.Identifier(named.name).as_string()} login), or correct the setting. "
            "Nothing was changed.",
        )
    return bool(there)
