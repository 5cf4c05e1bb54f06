"""The rights of other roles follow: what one had on all tables that were there it gets on those that a run makes."""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection, Row

from surefoot.catalogue.reader import BOOKKEEPING
from surefoot.database import execute_verbatim
from surefoot.errors import UsageError
from surefoot.program import variable
from surefoot.runtime import privilege_queries as ask
from surefoot.settings import ApplicationRole

log = logging.getLogger("surefoot")

SHOWN = 5
MUCH = 4
"""A role that has rights on a quarter of the tables works with the database, and does not look at a few."""

NEEDED = {"sequence": "usage", "function": "execute", "type": "usage"}


@dataclass(frozen=True)
class RolePrivileges:
    """What one role gets on each new table; those of `grantable` with the right to pass it on."""

    role: str
    privileges: frozenset[str]
    grantable: frozenset[str] = frozenset()

    @property
    def identifier(self) -> sql.Composable:
        """The role as GRANT names it."""
        return _identifier(self.role)

    @property
    def said(self) -> str:
        """The privileges, as people write them."""
        return listed(self.privileges)


@dataclass(frozen=True)
class RoleWithoutTables:
    """A role that works with the database and has no right at all on some tables."""

    role: str
    has: int
    """On how many tables it has rights."""
    most: frozenset[str]
    """What it has on all of those; perhaps nothing."""
    tables: tuple[str, ...]
    """Those on which it has none, quoted where they need it."""
    identifier: str
    """The role as GRANT names it."""

    def __str__(self) -> str:
        more = f" and {len(self.tables) - SHOWN} more" if self.tables[SHOWN:] else ""
        shown = ", ".join(self.tables[:SHOWN]) + more
        return f"{_called(self.role)} has rights on {self.has} tables and none on {len(self.tables)} others ({shown})"

    @property
    def statement(self) -> str:
        """What gives it the same on these tables as on the others, to be pasted."""
        return f"grant {listed(self.most) or 'select'} on {', '.join(self.tables)} to {self.identifier};"


class NewObjectPrivileges:
    """The rights of one run: read before its first step, given to what the steps make, in their own transactions.

    `names` names the tables that count as the application's; all of the schema where it is None or has none of them.
    Raises UsageError for an application's role that the server does not have.
    """

    def __init__(
        self, connection: Connection, names: Collection[str] | None = None, named: ApplicationRole | None = None
    ) -> None:
        known = connection.execute(ask.EXISTING).scalars().all()
        self._known = set(known)
        self.following = common_privileges(connection, names)
        self._without = roles_without_common(connection, names)
        self._made: list[str] = []
        if named is not None and _exists(connection, named):
            of_others = tuple(each for each in self.following if each.role != named.name)
            self.following = (*of_others, RolePrivileges(named.name, frozenset(map(str.upper, named.privileges))))
            self._without = tuple(role for role in self._without if role != named.name)
        self._named = named

    def grant_on_new(self, connection: Connection) -> list[str]:
        """Give what is new what it should have; returns what was given, in words for the journal."""
        if not self.following and not self._without:
            return []
        new = [row for row in _things(connection) if row.oid not in self._known]
        self._known |= {row.oid for row in new}
        self._made += [row.name for row in new if row.kind == "table" and not row.view]
        return [said for right in self.following for said in self._give(connection, right, new)] if new else []

    def warn_without_privileges(self) -> None:
        """At the end of the run: whose rights could not follow, because no one of them is on all tables."""
        for role in self._without if self._made else ():
            log.warning(
                "%s has rights on some of the tables from before, and no right that it has on all of them: it has none "
                "on %s. Where it needs one: grant select on %s to %s;",
                _called(role), ", ".join(self._made), ", ".join(self._made), _identifier(role).as_string(),
            )  # fmt: skip

    def _give(self, connection: Connection, right: RolePrivileges, new: Sequence[Row[Any]]) -> Iterator[str]:
        if self._named is not None and right.role == self._named.name:
            _at_the_door(connection, right)
        views = [row.name for row in new if row.kind == "table" and row.view]
        if views and "SELECT" in right.privileges:
            _grant(connection, "select", ", ".join(views), right.identifier)
        tables = [row.name for row in new if row.kind == "table" and not row.view]
        if tables:
            for some, passing in ((right.privileges - right.grantable, ""), (right.grantable, " with grant option")):
                if some:
                    to = right.identifier + sql.SQL(passing)
                    _grant(connection, listed(some), ", ".join(tables), to)
            log.info("%s may %s %s, as the tables from before.", _called(right.role), right.said, ", ".join(tables))
            yield f"grant {right.said} on {', '.join(tables)} to {right.role}"
        for kind, what in NEEDED.items():
            names = [row.name for row in new if row.kind == kind and _lacks(connection, right, row)]
            if names:
                _grant(connection, what, f"{kind} {', '.join(names)}", right.identifier)


def common_privileges(connection: Connection, names: Collection[str] | None = None) -> tuple[RolePrivileges, ...]:
    """What each other role has on every table, and what new ones would have by default."""
    tables, held = _held(connection, names)
    found = {
        role: RolePrivileges(role, _common(by_table, grantable=False), _common(by_table, grantable=True))
        for role, by_table in held.items()
        if by_table.keys() == tables.keys()
    }
    for row in connection.execute(ask.DEFAULTS, {"bookkeeping": sorted(BOOKKEEPING)}):
        right = found.get(row.role, RolePrivileges(row.role, frozenset()))
        passing = right.grantable | ({row.privilege} if row.grantable else set())
        found[row.role] = RolePrivileges(row.role, right.privileges | {row.privilege}, passing)
    return tuple(sorted((each for each in found.values() if each.privileges), key=lambda each: each.role))


def roles_without_tables(connection: Connection, names: Collection[str] | None = None) -> tuple[RoleWithoutTables, ...]:
    """The roles that have rights on a good part of the tables and none at all on others."""
    tables, held = _held(connection, names)
    return tuple(
        RoleWithoutTables(
            role,
            len(by_table),
            _common(by_table, grantable=False),
            tuple(_quoted(connection, sorted(tables.keys() - by_table.keys()))),
            ask.EVERYBODY if role == ask.EVERYBODY else _quoted(connection, [role])[0],
        )
        for role, by_table in sorted(held.items())
        if by_table.keys() < tables.keys() and len(by_table) * MUCH >= len(tables)
    )


def roles_without_common(connection: Connection, names: Collection[str] | None = None) -> tuple[str, ...]:
    """The roles that have rights on a good part of the tables, and no one right on all of them."""
    follow = {right.role for right in common_privileges(connection, names)}
    tables, held = _held(connection, names)
    return tuple(
        role for role, by_table in sorted(held.items()) if role not in follow and len(by_table) * MUCH >= len(tables)
    )


def listed(privileges: Collection[str]) -> str:
    """The privileges in one order: `select, insert, update, delete`, then the others."""
    order = ("SELECT", "INSERT", "UPDATE", "DELETE")
    return ", ".join([each.lower() for each in order if each in privileges] + sorted(
        each.lower() for each in privileges if each not in order
    ))  # fmt: skip


Held = dict[str, dict[str, dict[str, bool]]]
"""Of each role by table: its privileges, and whether it may pass them on."""


def _held(connection: Connection, names: Collection[str] | None) -> tuple[dict[str, int], Held]:
    every = connection.execute(sa.text(ask.TABLES), {"bookkeeping": sorted(BOOKKEEPING)}).all()
    tables = {row.name: row.oid for row in every}
    tables = {name: oid for name, oid in tables.items() if name in (names or ())} or tables
    held: Held = {}
    for row in connection.execute(ask.GRANTED, {"bookkeeping": sorted(BOOKKEEPING)}):
        if row.name in tables:
            held.setdefault(row.role, {}).setdefault(row.name, {})[row.privilege] = row.grantable
    return tables, held


def _common(by_table: dict[str, dict[str, bool]], *, grantable: bool) -> frozenset[str]:
    each = [{name for name, passing in held.items() if passing or not grantable} for held in by_table.values()]
    return frozenset(set.intersection(*each)) if each else frozenset()


def _things(connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(ask.OBJECTS, {"bookkeeping": sorted(BOOKKEEPING)}).all()


def _lacks(connection: Connection, right: RolePrivileges, row: Row[Any]) -> bool:
    """A sequence is drawn from by whoever inserts; what everybody may use by default needs no grant."""
    if row.kind == "sequence":
        return "INSERT" in right.privileges
    return not connection.execute(ask.HAS_PRIVILEGE[row.kind], {"role": right.role, "oid": row.oid}).scalar_one()


def _grant(connection: Connection, what: str, on: str, to: sql.Composable) -> None:
    execute_verbatim(connection, sql.SQL("grant {} on {} to {}").format(sql.SQL(what), sql.SQL(on), to))


def _at_the_door(connection: Connection, right: RolePrivileges) -> None:
    """Whom a setting names may be new to the database: it needs the schema, and `ensure_current` reads the revision."""
    schema, may_enter, may_read = connection.execute(ask.SCHEMA_ACCESS, {"role": right.role}).one()
    if not may_enter:
        _grant(connection, "usage", f"schema {schema}", right.identifier)
    if may_read is False:
        _grant(connection, "select", "alembic_version", right.identifier)


def _quoted(connection: Connection, names: Sequence[str]) -> list[str]:
    return [str(name) for name in connection.execute(ask.QUOTED_NAMES, {"names": list(names)}).scalars()]


def _identifier(role: str) -> sql.Composable:
    return sql.SQL("public") if role == ask.EVERYBODY else sql.Identifier(role)


def _called(role: str) -> str:
    return "Everybody (PUBLIC)" if role == ask.EVERYBODY else f"Role {role}"


def _exists(connection: Connection, named: ApplicationRole) -> bool:
    """A scratch database may be on a server of its own, which knows nobody."""
    there, scratch = connection.execute(ask.ROLE_EXISTS, {"name": named.name, "scratch": ask.SCRATCH}).one()
    if not there and not scratch:
        raise UsageError(
            f"{variable('APPLICATION_ROLE')} names {named.name!r}, a role that this server does not have.",
            f"Create it (create role {sql.Identifier(named.name).as_string()} login), or correct the setting. "
            "Nothing was changed.",
        )
    return bool(there)
