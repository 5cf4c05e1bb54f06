"""What belongs to a database and is in no dump of it: encoding, locale, settings, owner, privileges, comment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim
from surefoot.operate.backup import server_facts

# Columns that came or went with a version are read through JSON, which leaves out what is not there.
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
REFUSED = frozenset({"42501", "42704"})
"""Not allowed; no such role or tablespace."""


@dataclass(frozen=True)
class Properties:
    """Of one database. In `grants` and `settings` the first member is the role, None for everybody."""

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
    """Whether privileges were ever granted or revoked; else PostgreSQL's own rule holds."""
    grants: tuple[tuple[str | None, str, bool], ...]
    settings: tuple[tuple[str | None, str, str], ...]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Properties":
        """From a row, or from JSON."""
        return cls(
            **dict(values)
            | {
                "grants": tuple((role, privilege, bool(more)) for role, privilege, more in values["grants"]),
                "settings": tuple((role, name, value) for role, name, value in values["settings"]),
            }
        )

    def elsewhere(self, owner: str) -> "Properties":
        """As they are fit for another name or server: what depends on roles and places is left behind."""
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
    """The properties of the database `name`, asked for in any database of its server; None where there is none."""
    row = connection.execute(PROPERTIES, {"name": name}).mappings().first()
    return Properties.of(dict(row)) if row is not None else None


def create(connection: Connection, name: str, wanted: Properties) -> list[str]:
    """Create the empty database `name` with the properties `wanted`; what could not be had is returned, in words.

    `connection` is in AUTOCOMMIT. Where the role may not give it away, or not place it where the old one is, it is made
    all the same. Raises DBAPIError where the database cannot be created.
    """
    plain = sql.SQL("create database {} template template0 {} connection limit {}").format(
        sql.Identifier(name), locale(wanted), sql.Literal(wanted.connection_limit)
    )
    owner = (sql.SQL(" owner {}").format(sql.Identifier(wanted.owner)), f"owner {wanted.owner}")
    # even the default one may be named only by who may create in it
    named = wanted.tablespace if wanted.tablespace != DEFAULT else None
    place = (sql.SQL(" tablespace {}").format(sql.Identifier(named or DEFAULT)), f"tablespace {named}")
    additions = [owner, place] if named else [owner]
    tries = [kept for number in range(len(additions), -1, -1) for kept in combinations(additions, number)]
    lost: list[str] = []
    for kept in tries:
        try:
            execute_verbatim(connection, sql.SQL("").join([plain, *(statement for statement, _ in kept)]))
        except sa.exc.DBAPIError as fault:
            if getattr(fault.orig, "sqlstate", None) not in REFUSED or not kept:
                raise
            why = str(fault.orig).splitlines()[0]
        else:
            lost += [f"{what}: {why}" for statement, what in additions if (statement, what) not in kept]
            break
    return lost + apply(connection, name, wanted)


def apply(connection: Connection, name: str, wanted: Properties) -> list[str]:
    """Give the database `name` the settings and privileges of `wanted`; what could not be had is returned, in words."""
    lost = []
    for what, statements in _statements(name, wanted):
        try:
            server_facts.run_together(connection, statements)
        except sa.exc.DBAPIError as fault:
            lost.append(f"{what}: {str(fault.orig).splitlines()[0]}")
    return lost


def comment(name: str, text: str | None) -> sql.Composed:
    """The statement that says `text` of the database."""
    return sql.SQL("comment on database {} is {}").format(sql.Identifier(name), sql.Literal(text))


def locale(wanted: Properties) -> sql.Composed:
    """Encoding and locale, as options of `create database`."""
    options = [
        sql.SQL("encoding {} lc_collate {} lc_ctype {}").format(
            sql.Literal(wanted.encoding), sql.Literal(wanted.collate), sql.Literal(wanted.ctype)
        ),
        sql.SQL("locale_provider {}").format(
            sql.SQL({"c": "libc", "i": "icu", "b": "builtin"}.get(wanted.provider, "libc"))
        ),
    ]
    if wanted.locale and wanted.provider in {"i", "b"}:
        word = "icu_locale" if wanted.provider == "i" else "builtin_locale"
        options.append(sql.SQL("{} {}").format(sql.SQL(word), sql.Literal(wanted.locale)))
    if wanted.icu_rules:
        options.append(sql.SQL("icu_rules {}").format(sql.Literal(wanted.icu_rules)))
    return sql.SQL(" ").join(options)


def _statements(name: str, wanted: Properties) -> Iterator[tuple[str, list[sql.Composed]]]:
    """What follows the creation, each with its name in words; each is done in a transaction of its own."""
    database = sql.Identifier(name)
    for role, setting, value in wanted.settings:
        whose = sql.SQL("role {} in database {}").format(sql.Identifier(role), database) if role else sql.SQL(
            "database {}"
        ).format(database)  # fmt: skip
        yield (
            f"setting {setting}{f' of role {role}' if role else ''}",
            [
                # how a list such as search_path is quoted is the server's business: it takes the value from the session
                sql.SQL("select set_config({}, {}, true)").format(sql.Literal(setting), sql.Literal(value)),
                sql.SQL("alter {} set {} from current").format(
                    whose, sql.SQL(".").join(map(sql.Identifier, setting.split(".")))
                ),
            ],
        )
    if wanted.guarded:
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
                    for role, privilege, more in wanted.grants
                ),
            ],
        )
