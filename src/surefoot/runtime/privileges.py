"""Extends the privileges of other roles: what a role has on all existing tables it gets on those that a run creates."""

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
"""How many tables a message names."""
MUCH = 4
"""A role with privileges on at least a quarter of the tables counts as one that works with the whole database."""
NEEDED = {"sequence": "usage", "function": "execute", "type": "usage"}


@dataclass(frozen=True)
class RolePrivileges:
    """The privileges that one role gets on each new table, those in `grantable` WITH GRANT OPTION."""

    role: str
    privileges: frozenset[str]
    grantable: frozenset[str] = frozenset()

    @property
    def identifier(self) -> sql.Composable:
        """Return the role as GRANT names it."""
        return _identifier(self.role)

    @property
    def described(self) -> str:
        """Return the privileges as GRANT lists them."""
        return listed(self.privileges)


@dataclass(frozen=True)
class RoleWithoutTables:
    """A role that has privileges on many tables and none at all on others."""

    role: str
    has: int
    """The number of tables on which it has a privilege."""
    most: frozenset[str]
    """The privileges that it has on all of those; perhaps none."""
    tables: tuple[str, ...]
    """The tables on which it has none, quoted for SQL."""
    identifier: str
    """The role, quoted for SQL."""

    def __str__(self) -> str:
        more = f" and {len(self.tables) - SHOWN} more" if self.tables[SHOWN:] else ""
        shown = ", ".join(self.tables[:SHOWN]) + more
        return f"{_called(self.role)} has rights on {self.has} tables and none on {len(self.tables)} others ({shown})"

    @property
    def statement(self) -> str:
        """Return the GRANT that gives it the same privileges on these tables as on the others."""
        return f"grant {listed(self.most) or 'select'} on {', '.join(self.tables)} to {self.identifier};"


class NewObjectPrivileges:
    """The privileges of a run: read before its first step, granted on new objects in the transaction of each step.

    `names` are the tables of the application; all tables of the schema count where it is None or matches none. `named`
    is the role of the setting APPLICATION_ROLE. Raises UsageError where the server has no such role.
    """

    def __init__(
        self, connection: Connection, names: Collection[str] | None = None, named: ApplicationRole | None = None
    ) -> None:
        known = connection.execute(ask.EXISTING).scalars().all()
        self._known = set(known)
        self.following, self._without = privileges_of_others(connection, names)
        self._made: list[str] = []
        if named is not None and _exists(connection, named):
            of_others = tuple(each for each in self.following if each.role != named.name)
            self.following = (*of_others, RolePrivileges(named.name, frozenset(map(str.upper, named.privileges))))
            self._without = tuple(role for role in self._without if role != named.name)
        self._named = named

    def grant_on_new(self, connection: Connection) -> list[str]:
        """Grant the privileges on objects that are new since the last call; return the grants, for the journal."""
        if not self.following and not self._without:
            return []
        new = [row for row in _objects(connection) if row.oid not in self._known]
        self._known |= {row.oid for row in new}
        self._made += [row.name for row in new if row.kind == "table" and not row.view]
        return [grant for right in self.following for grant in self._grant_on(connection, right, new)] if new else []

    def warn_without_privileges(self) -> None:
        """Warn of roles that got nothing on the new tables, because they have no privilege on all existing ones."""
        for role in self._without if self._made else ():
            log.warning(
                "%s has rights on some of the tables from before, and no right that it has on all of them: it has none "
                "on %s. Where it needs one: grant select on %s to %s;",
                _called(role), ", ".join(self._made), ", ".join(self._made), _identifier(role).as_string(),
            )  # fmt: skip

    def _grant_on(self, connection: Connection, right: RolePrivileges, new: Sequence[Row[Any]]) -> Iterator[str]:
        if self._named is not None and right.role == self._named.name:
            _grant_access(connection, right)
        views = [row.name for row in new if row.kind == "table" and row.view]
        if views and "SELECT" in right.privileges:
            _grant(connection, "select", ", ".join(views), right.identifier)
        tables = [row.name for row in new if row.kind == "table" and not row.view]
        if tables:
            for some, passing in ((right.privileges - right.grantable, ""), (right.grantable, " with grant option")):
                if some:
                    to = right.identifier + sql.SQL(passing)
                    _grant(connection, listed(some), ", ".join(tables), to)
            log.info(
                "%s may %s %s, as the tables from before.", _called(right.role), right.described, ", ".join(tables)
            )
            yield f"grant {right.described} on {', '.join(tables)} to {right.role}"
        for kind, what in NEEDED.items():
            names = [row.name for row in new if row.kind == kind and _lacks(connection, right, row)]
            if names:
                _grant(connection, what, f"{kind} {', '.join(names)}", right.identifier)


def privileges_of_others(
    connection: Connection, names: Collection[str] | None
) -> tuple[tuple[RolePrivileges, ...], tuple[str, ...]]:
    """Return what each other role has on every table, and the roles that have much and nothing of it on every table.

    The first is together with the default privileges of the tables' owners. The second are those with privileges on at
    least a quarter of the tables. `names` are the tables that count, as in `NewObjectPrivileges`.
    """
    tables, granted = _granted(connection, names)
    found = {
        role: RolePrivileges(role, _common(by_table, grantable=False), _common(by_table, grantable=True))
        for role, by_table in granted.items()
        if by_table.keys() == tables.keys()
    }
    for row in connection.execute(ask.DEFAULTS, {"bookkeeping": sorted(BOOKKEEPING)}):
        right = found.get(row.role, RolePrivileges(row.role, frozenset()))
        passing = right.grantable | ({row.privilege} if row.grantable else set())
        found[row.role] = RolePrivileges(row.role, right.privileges | {row.privilege}, passing)
    common = {role: right for role, right in sorted(found.items()) if right.privileges}
    much = [role for role, by_table in sorted(granted.items()) if len(by_table) * MUCH >= len(tables)]
    return tuple(common.values()), tuple(role for role in much if role not in common)


def roles_without_tables(connection: Connection) -> tuple[RoleWithoutTables, ...]:
    """Return the roles that have privileges on at least a quarter of the tables and none at all on others."""
    tables, granted = _granted(connection, None)
    return tuple(
        RoleWithoutTables(
            role,
            len(by_table),
            _common(by_table, grantable=False),
            tuple(_quoted(connection, sorted(tables.keys() - by_table.keys()))),
            ask.EVERYBODY if role == ask.EVERYBODY else _quoted(connection, [role])[0],
        )
        for role, by_table in sorted(granted.items())
        if by_table.keys() < tables.keys() and len(by_table) * MUCH >= len(tables)
    )


def listed(privileges: Collection[str]) -> str:
    """Return the privileges in one order: `select, insert, update, delete`, then the others by name."""
    order = ("SELECT", "INSERT", "UPDATE", "DELETE")
    return ", ".join([each.lower() for each in order if each in privileges] + sorted(
        each.lower() for each in privileges if each not in order
    ))  # fmt: skip


Granted = dict[str, dict[str, dict[str, bool]]]
"""By role, by table and by privilege: whether the role has it WITH GRANT OPTION."""


def _granted(connection: Connection, names: Collection[str] | None) -> tuple[dict[str, int], Granted]:
    every = connection.execute(sa.text(ask.TABLES), {"bookkeeping": sorted(BOOKKEEPING)}).all()
    tables = {row.name: row.oid for row in every}
    given = connection.execute(ask.GRANTED, {"bookkeeping": sorted(BOOKKEEPING)}).all() if every else ()
    if given and names is not None:  # without any it does not matter which count, and the models need not be imported
        tables = {name: oid for name, oid in tables.items() if name in names} or tables
    granted: Granted = {}
    for row in given:
        if row.name in tables:
            granted.setdefault(row.role, {}).setdefault(row.name, {})[row.privilege] = row.grantable
    return tables, granted


def _common(by_table: dict[str, dict[str, bool]], *, grantable: bool) -> frozenset[str]:
    each = [{name for name, passing in privileges.items() if passing or not grantable}
            for privileges in by_table.values()]  # fmt: skip
    return frozenset(set.intersection(*each)) if each else frozenset()


def _objects(connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(ask.OBJECTS, {"bookkeeping": sorted(BOOKKEEPING)}).all()


def _lacks(connection: Connection, right: RolePrivileges, row: Row[Any]) -> bool:
    """Return whether the role needs a grant: on a sequence where it may insert, on others where PUBLIC has none."""
    if row.kind == "sequence":
        return "INSERT" in right.privileges
    return not connection.execute(ask.HAS_PRIVILEGE[row.kind], {"role": right.role, "oid": row.oid}).scalar_one()


def _grant(connection: Connection, what: str, on: str, to: sql.Composable) -> None:
    execute_verbatim(connection, sql.SQL("grant {} on {} to {}").format(sql.SQL(what), sql.SQL(on), to))


def _grant_access(connection: Connection, right: RolePrivileges) -> None:
    """Grant USAGE on the schema and SELECT on alembic_version, which `ensure_current` reads, where they are missing."""
    schema, has_usage, may_read = connection.execute(ask.SCHEMA_ACCESS, {"role": right.role}).one()
    if not has_usage:
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
    """Return whether the role exists. On the server of a scratch database it need not: that may be an embedded one."""
    exists, scratch = connection.execute(ask.ROLE_EXISTS, {"name": named.name, "scratch": ask.SCRATCH}).one()
    if not exists and not scratch:
        raise UsageError(
            f"{variable('APPLICATION_ROLE')} names {named.name!r}, a role that this server does not have.",
            f"Create it (create role {sql.Identifier(named.name).as_string()} login), or correct the setting. "
            "Nothing was changed.",
        )
    return bool(exists)
