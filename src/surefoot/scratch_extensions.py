"""Gives a scratch database the extensions of the database that it stands for, and the search_path that finds them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import database, search_path

log = logging.getLogger("surefoot")

PATH_GIVEN = sa.text("""
    select source not in ('default', 'database') from pg_settings where name = 'search_path'
""")
"""Whether the URL, the role or the server gives every session a search_path, in a database of any name."""
EXTENSIONS = sa.text("""
    select extname as name,
           extversion as version,
           nspname as schema,
           exists (
               select from pg_depend as part
                 join pg_depend as used on (used.refclassid, used.refobjid) = (part.classid, part.objid)
                where part.refclassid = 'pg_extension'::regclass
                  and part.refobjid = pg_extension.oid
                  and part.deptype = 'e'
                  and used.deptype = 'n'
                  and used.classid in ('pg_class'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass)
                  and not exists (
                      select from pg_depend where (classid, objid) = (used.classid, used.objid) and deptype = 'e'
                  )
           ) as used
      from pg_extension
      join pg_namespace on pg_namespace.oid = extnamespace
     where extname <> 'plpgsql'
     order by pg_extension.oid
""")
"""The extensions of a database, and whether something else in it depends on them, in the order of their creation."""


@dataclass(frozen=True)
class Surroundings:
    """What the statements of a revision find in a database: its extensions, and whether a search_path is given."""

    extensions: Sequence[sa.Row[Any]]
    path_given: bool

    @classmethod
    def of(cls, connection: Connection) -> "Surroundings":
        """Read those of the database of `connection`."""
        return cls(connection.execute(EXTENSIONS).all(), bool(connection.execute(PATH_GIVEN).scalar_one()))

    def give(self, scratch: URL, application_name: str) -> URL:
        """Give an empty scratch database the extensions; return its URL with the search_path it needs."""
        if self.extensions:
            engine = database.engine_for(search_path.with_path(scratch, "public"), application_name=application_name)
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                for each in self.extensions:
                    _create_extension(connection, each)
        return self.with_path(scratch)

    def with_path(self, scratch: URL) -> URL:
        """Return the URL of a database that has the extensions, with the search_path that it needs."""
        found = (each.schema for each in self.extensions if not each.schema.startswith("pg_"))
        path = dict.fromkeys(["public", *found])
        if not self.path_given and list(path) == ["public"]:
            return scratch
        return search_path.with_path(scratch, ", ".join(sql.Identifier(schema).as_string() for schema in path))


def like_the_real_one(real: URL, scratch: URL, application_name: str) -> URL:
    """Give an empty scratch database the extensions of the real one; return its URL with the search_path it needs."""
    with database.engine_for(real, application_name=application_name).connect() as connection:
        surroundings = Surroundings.of(connection)
    return surroundings.give(scratch, application_name)


def _create_extension(connection: Connection, extension: sa.Row[Any]) -> None:
    name, schema = sql.Identifier(extension.name), sql.Identifier(extension.schema)
    try:
        if not extension.schema.startswith("pg_"):
            database.execute_verbatim(connection, sql.SQL("create schema if not exists {}").format(schema))
        statement = sql.SQL("create extension if not exists {} schema {}").format(name, schema)
        database.execute_verbatim(connection, statement)
    except sa.exc.DBAPIError as fault:
        log.log(
            logging.WARNING if extension.used else logging.DEBUG,
            "The scratch database lacks extension %s, on which tables of the real one depend: %s.",
            extension.name,
            str(fault.orig).splitlines()[0],
        )
