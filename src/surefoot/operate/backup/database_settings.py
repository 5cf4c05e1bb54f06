"""The properties of a database that no dump contains: encoding, locale, settings, owner, privileges, comment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import sqlalchemy as sa
from psycopg import errors, sql
from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim
from surefoot.operate.backup import server_facts

# Columns that not every version has are read through JSON, in which a missing one is NULL.
PROPERTIES = sa.text("""
    select pg_encoding_to_char(encoding) as encoding,
           to_jsonb(d) ->> 'datlocprovider' as provider,
           datcollate as collate,
           datctype as ctype,
           coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') as locale,
           to_jsonb(d) ->> 'daticurules' as icu_rules,
           pg_get_userbyid(datdba) as owner,
           (select spcname from pg_tablespace where oid = dattablespace) as tablespace,
           datconnlimit as connection_limit,
           shobj_description(oid, 'pg_database') as comment,
           datacl is not null as guarded,
           coalesce((
               select jsonb_agg(jsonb_build_array(
                          case grantee when 0 then null else pg_get_userbyid(grantee) end, privilege_type, is_grantable)
                          order by grantee, privilege_type)
                 from aclexplode(datacl)
           ), '[]') as grants,
           coalesce((
               select jsonb_agg(jsonb_build_array(
                          case setrole when 0 then null else pg_get_userbyid(setrole) end,
                          split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1))
                          order by setrole, setting)
                 from pg_db_role_setting
                cross join unnest(setconfig) as setting
                where setdatabase = d.oid
           ), '[]') as settings
      from pg_database d
     where datname = :name
""")

DEFAULT = "pg_default"


@dataclass(frozen=True)
class Properties:
    """The properties of one database. The first member of each grant and setting is the role, None for everybody."""

    encoding: str
    provider: str
    collate: str
    ctype: str
    locale: str | None
    icu_rules: str | None
    owner: str
    tablespace: str | None
    connection_limit: int
    comment: str | None
    guarded: bool
    """Whether privileges were ever granted or revoked; if not, PostgreSQL's default applies."""
    grants: tuple[tuple[str | None, str, bool], ...]
    settings: tuple[tuple[str | None, str, str], ...]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Properties":
        """Make it from a row or from JSON."""
        return cls(
            **dict(values)
            | {
                "grants": tuple((role, privilege, bool(more)) for role, privilege, more in values["grants"]),
                "settings": tuple((role, name, value) for role, name, value in values["settings"]),
            }
        )

    def elsewhere(self, owner: str) -> "Properties":
        """Return them for a database of another name or server: without roles, privileges, tablespace and comment."""
        return replace(
            self,
            owner=owner,
            tablespace=None,
            comment=None,
            guarded=False,
            grants=(),
            settings=tuple(each for each in self.settings if each[0] is None),
        )


def read(connection: Connection, name: str) -> Properties | None:
    """Return the properties of the database `name`, read from any database of its server; None if there is none."""
    row = connection.execute(PROPERTIES, {"name": name}).mappings().first()
    return Properties.of(dict(row)) if row is not None else None


def create(connection: Connection, name: str, properties: Properties) -> list[str]:
    """Create the empty database `name` with these properties; return in words what could not be had.

    `connection` is in AUTOCOMMIT. If the role may not give the database to its owner or use the tablespace, it is
    created without. Raises DBAPIError if it cannot be created at all.
    """
    plain = sql.SQL("create database {} template template0 {} connection limit {}").format(
        sql.Identifier(name), locale(properties), sql.Literal(properties.connection_limit)
    )
    owner = (sql.SQL(" owner {}").format(sql.Identifier(properties.owner)), f"owner {properties.owner}")
    # naming even the default tablespace requires CREATE on it
    tablespace_name = properties.tablespace if properties.tablespace != DEFAULT else None
    tablespace = (
        sql.SQL(" tablespace {}").format(sql.Identifier(tablespace_name or DEFAULT)),
        f"tablespace {tablespace_name}",
    )
    additions = [owner, tablespace] if tablespace_name else [owner]
    attempts = [granted for number in range(len(additions), -1, -1) for granted in combinations(additions, number)]
    unavailable: list[str] = []
    for granted in attempts:
        try:
            execute_verbatim(connection, sql.SQL("").join([plain, *(statement for statement, _ in granted)]))
        except sa.exc.DBAPIError as fault:
            if not granted or not isinstance(fault.orig, errors.InsufficientPrivilege | errors.UndefinedObject):
                raise
            reason = str(fault.orig).splitlines()[0]
        else:
            unavailable += [f"{label}: {reason}" for statement, label in additions if (statement, label) not in granted]
            break
    return unavailable + apply(connection, name, properties)


def apply(connection: Connection, name: str, properties: Properties) -> list[str]:
    """Set the settings and privileges of the database `name`; return in words what could not be had."""
    unavailable = []
    for label, statements in _statements(name, properties):
        try:
            server_facts.run_in_transaction(connection, statements)
        except sa.exc.DBAPIError as fault:
            unavailable.append(f"{label}: {str(fault.orig).splitlines()[0]}")
    return unavailable


def comment_statement(name: str, text: str | None) -> sql.Composed:
    """Return the statement that sets the comment of the database."""
    return sql.SQL("comment on database {} is {}").format(sql.Identifier(name), sql.Literal(text))


def locale(properties: Properties) -> sql.Composed:
    """Return encoding and locale as options of CREATE DATABASE."""
    options = [
        sql.SQL("encoding {} lc_collate {} lc_ctype {}").format(
            sql.Literal(properties.encoding), sql.Literal(properties.collate), sql.Literal(properties.ctype)
        ),
        sql.SQL("locale_provider {}").format(
            sql.SQL({"c": "libc", "i": "icu", "b": "builtin"}.get(properties.provider, "libc"))
        ),
    ]
    if properties.locale and properties.provider in {"i", "b"}:
        word = "icu_locale" if properties.provider == "i" else "builtin_locale"
        options.append(sql.SQL("{} {}").format(sql.SQL(word), sql.Literal(properties.locale)))
    if properties.icu_rules:
        options.append(sql.SQL("icu_rules {}").format(sql.Literal(properties.icu_rules)))
    return sql.SQL(" ").join(options)


def _statements(name: str, properties: Properties) -> Iterator[tuple[str, list[sql.Composed]]]:
    """Yield what follows the creation: a label, and the statements that are run in one transaction."""
    database = sql.Identifier(name)
    for role, setting, value in properties.settings:
        scope = sql.SQL("role {} in database {}").format(sql.Identifier(role), database) if role else sql.SQL(
            "database {}"
        ).format(database)  # fmt: skip
        yield (
            f"setting {setting}{f' of role {role}' if role else ''}",
            [
                # FROM CURRENT, because the server quotes a list such as search_path itself
                sql.SQL("select set_config({}, {}, true)").format(sql.Literal(setting), sql.Literal(value)),
                sql.SQL("alter {} set {} from current").format(
                    scope, sql.SQL(".").join(map(sql.Identifier, setting.split(".")))
                ),
            ],
        )
    if properties.guarded:
        yield (
            "privileges on the database",
            [
                sql.SQL("revoke all on database {} from public").format(database),
                *(
                    sql.SQL("grant {} on database {} to {}{}").format(
                        sql.SQL(privilege),
                        database,
                        sql.Identifier(role) if role else sql.SQL("public"),
                        sql.SQL(" with grant option" if more and role else ""),
                    )
                    for role, privilege, more in properties.grants
                ),
            ],
        )
