"""Explains SQLSTATE 42501: rows hidden by row security, an object without a privilege, a missing right to create.

The server's message may be in any language, so the cases are distinguished by the server function that raised the error
and by the statement. Only the name of the object is read from an English message, and left out of another.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from surefoot.errors import FailedError
from surefoot.program import program

ROW_SECURITY_FUNCTIONS = frozenset({"check_enable_rls", "ExecWithCheckOptions"})
"""Functions of the server that raise 42501 because of row security."""
TABLES_HIDING_ROWS = """
    select c.oid::regclass::text as name,
           pg_get_userbyid(c.relowner)::text as owner,
           pg_has_role(c.relowner, 'USAGE') as own,
           c.relforcerowsecurity as forced,
           current_user::text as role
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p')
       and c.relrowsecurity
       and row_security_active(c.oid)
"""
"""Tables of which the current role does not see every row.

A superuser and a role with BYPASSRLS see all rows, and so does the owner where row security is not forced.
"""
TABLE_HIDING_ROWS = f"{TABLES_HIDING_ROWS} and c.relname = :name order by pg_table_is_visible(c.oid) desc limit 1"
OWNER_BY_NAME = """
    select pg_get_userbyid(object.owner)::text as owner
      from (
          select relowner, relname, pg_table_is_visible(oid) from pg_class
          union all
          select typowner, typname, pg_type_is_visible(oid) from pg_type
          union all
          select proowner, proname, pg_function_is_visible(oid) from pg_proc
          union all
          select nspowner, nspname, true from pg_namespace
      ) as object (owner, name, visible)
     where object.name = :name
     order by visible desc
     limit 1
"""
ENGLISH_OBJECT = re.compile(r'(?:permission denied for|must be owner of) ([a-z ]+?) "?([^"]+)"?$')
QUOTED_NAME = re.compile(r'["“”„«»「]\s*([^"“”„«»「」]+?)\s*["“”«»」]')
_KINDS = r"(unlogged |temporary |materialized |or replace )?(table|view|sequence|type|domain|function|procedure|schema)"
OWNER_STATEMENT = re.compile(
    rf"\s*((alter|drop|comment on) {_KINDS}|create (unique )?index|create (trigger|policy|rule)|reindex)\b",
    re.IGNORECASE,
)
CREATE_STATEMENT = re.compile(rf"\s*create {_KINDS}\b", re.IGNORECASE)
CREATE_OR_ALTER = re.compile(r"\s*(create|alter)\b", re.IGNORECASE)
READING_STATEMENT = re.compile(r"\s*(select|copy|lock|table|declare)\b", re.IGNORECASE)
PRIVILEGES = {
    "sequence": "usage, select on sequence",
    "function": "execute on function",
    "procedure": "execute on procedure",
    "type": "usage on type",
    "language": "usage on language",
    "schema": "usage on schema",
    "tablespace": "create on tablespace",
}

AskServer = Callable[[str, str | None], "sa.Row[Any] | None"]
"""Runs a query about the object `:name` and returns a row, or None where the server does not answer."""


def explain_denied(fault: sa.exc.DBAPIError, role: str | None, where: str, ask: AskServer) -> FailedError:
    """Return the error for a `fault` with SQLSTATE 42501: what `role` lacks, and who can grant it.

    `where` describes the database, as in `school at localhost:5432`; `ask` looks up the owner of the object.
    """
    diagnosis = getattr(fault.orig, "diag", None)
    reported = (getattr(diagnosis, "message_primary", None) or str(fault.orig).partition("\n")[0]).rstrip(".")
    if getattr(diagnosis, "source_function", None) in ROW_SECURITY_FUNCTIONS:
        return _hidden_rows(reported, role, where, ask)
    if getattr(diagnosis, "message_detail", None):
        reported = f"{reported} ({diagnosis.message_detail.rstrip('.')})"  # type: ignore[union-attr]  # it has one
    match = ENGLISH_OBJECT.search(reported)
    kind, name = (match[1], match[2]) if match else (None, None)
    owner = getattr(ask(OWNER_BY_NAME, name), "owner", None)
    return _Denied(role, where, reported, fault.statement or "", owner).explain(kind, name)


def hidden_rows_remedy(tables: Sequence[Any], role: str | None) -> str:
    """Return the remedy that lets `role` see every row of `tables`, which are rows of TABLES_HIDING_ROWS."""
    bypass = f"let a superuser run: alter role {_quoted(role)} bypassrls;"
    if not all(table.own for table in tables):
        owners = sorted({table.owner for table in tables})
        if len(owners) > 1 or any(table.forced for table in tables):
            return f"{bypass[0].upper()}{bypass[1:]} then run the same command again."
        return f"Connect as the owner, {owners[0]}, from whom nothing is hidden; or {bypass}"
    off, on = (
        " ".join(f"alter table {table.name} {force} row level security;" for table in tables)
        for force in ("no force", "force")
    )
    return (
        f"Run in python -m {program()} psql, as {role}: {off} Then the same command again, and at the end: {on} "
        f"In between whoever connects as {role} sees every row. Or {bypass}"
    )


@dataclass(frozen=True)
class _Denied:
    role: str | None
    where: str
    reported: str
    """The server's own message, in any language."""
    statement: str
    owner: str | None
    """The owner of the object, where the message could be read."""

    def explain(self, kind: str | None, name: str | None) -> FailedError:
        """Return the error for an object of that kind and name; both are None where the message could not be read."""
        if self.reported.startswith("must be owner") or (kind is None and OWNER_STATEMENT.match(self.statement)):
            return FailedError(
                f"Only the owner may do this in {self.where}, and the role {self.role!r} is not: {self.reported}.",
                f"Connect as {f'the owner, {self.owner}' if self.owner else 'the owner of what it names'}.",
            )
        if (
            kind == "database"
            or (kind == "schema" and not READING_STATEMENT.match(self.statement))
            or (kind is None and CREATE_STATEMENT.match(self.statement))
        ):
            place = f"{kind or 'schema'} {name or 'public'}"
            return FailedError(
                f"The role {self.role!r} may make nothing in {place}, in {self.where}: {self.reported}.",
                self._grant(f"create on {kind or 'schema'}", name or "public"),
            )
        if kind is None or name is None:
            return FailedError(
                f"The role {self.role!r} may not do this in {self.where}: {self.reported}.",
                "Connect as the owner of the tables, or let a superuser grant what the sentence names.",
            )
        if CREATE_OR_ALTER.match(self.statement):
            of_table = "references"
        else:
            of_table = "select" if READING_STATEMENT.match(self.statement) else "select, insert, update, delete"
        return FailedError(
            f"The role {self.role!r} may not use {kind} {name} in {self.where}: {self.reported}.",
            self._grant(PRIVILEGES.get(kind, f"{of_table} on"), name),
        )

    def _grant(self, privilege: str, name: str) -> str:
        owner = f", {self.owner}" if self.owner else ""
        shown = name if name == "public" else _quoted(name)
        return (
            f"Connect as the owner of the tables{owner}, or let the owner run: grant {privilege} {shown} to "
            f"{_quoted(self.role)};"
        )


def _hidden_rows(reported: str, role: str | None, where: str, ask: AskServer) -> FailedError:
    quoted = QUOTED_NAME.search(reported)
    name = quoted[1] if quoted else None
    row = ask(TABLE_HIDING_ROWS, name)
    if row is not None:
        name, whom, way = row.name, f"the role {row.role!r}", hidden_rows_remedy([row], row.role)
    else:
        whom = f"the role {role!r}, or from the owner of a view or function that reads it here"
        way = (
            "Let a superuser run: alter role … bypassrls; for the one of them who does not own the table; or the owner "
            "of the table: alter table … no force row level security; then run the same command again."
        )
    return FailedError(
        f"Row security on {f'table {name}' if name else 'a table'} in {where} hides rows from {whom}, and what cannot "
        f"see every row must not go on: {reported}.",
        way,
    )


def _quoted(name: str | None) -> str:
    return sql.Identifier(name or "?").as_string()
