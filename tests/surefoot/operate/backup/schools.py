"""What a school has beyond its tables, what is compared of two databases, and commands as a person types them."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from surefoot.catalogue.model import Catalogue, Grant
from surefoot.catalogue.reader import read_catalogue
from tests.support import forked, typed
from tests.support.databases import Database

OWN = (
    "create view grown_ups as select id, first_name from users where role <> 'student'",
    "create function initials(given text, family text) returns text language sql immutable "
    "return upper(left(given, 1) || left(family, 1))",
    "comment on table users is 'everybody: ünïcode, ''quotes'' and \\ backslashes'",
    "grant select on users to pg_read_all_settings",
    "create table notes (id bigint generated always as identity primary key, body text, file bytea)",
    r"insert into notes (body, file) select E'\\.\n' || n || E'\t\\N\r', decode(md5(n::text), 'hex') "
    "from generate_series(1, 500) n",
    "insert into notes (body) values (null), ('\\.'), ('')",
    'create table "100 % of: ""it""" (id integer primary key)',
    'insert into "100 % of: ""it""" values (1), (2)',
)
"""Among the notes is what looks like the end of a COPY, and a name has what means something elsewhere."""


@dataclass(frozen=True)
class State:
    """All of a database that a restore has to bring back."""

    sums: dict[str, str]
    catalogues: dict[str, Catalogue]
    grants: tuple[Grant, ...]
    sequences: list[tuple[object, ...]]
    owners: list[tuple[object, ...]]


def state_of(database: Database) -> State:
    with database.connect() as connection:
        tables = connection.execute(
            "select nspname, relname from pg_class join pg_namespace n on n.oid = relnamespace "
            "where relkind = 'r' and nspname !~ '^pg_' and nspname <> 'information_schema' order by 1, 2"
        ).fetchall()
        sums = {".".join(table): _sum(connection, *table) for table in tables}
    with database.engine().connect() as connection:
        catalogues = {
            schema: read_catalogue(connection, schema, ignore=frozenset())
            for schema in dict.fromkeys(schema for schema, _ in tables)  # in one order: the grants are listed by it
        }
    return State(
        sums,
        catalogues,
        tuple(grant for catalogue in catalogues.values() for grant in catalogue.grants),
        database.rows("select schemaname, sequencename, last_value from pg_sequences order by 1, 2"),
        database.rows("select relname, relowner::regrole::text from pg_class where relkind = 'r' order by 1"),
    )


def _sum(connection: psycopg.Connection, schema: str, table: str) -> str:
    query = sql.SQL("select coalesce(md5(string_agg(t::text, ',' order by t::text)), 'none') from {} as t")
    row = connection.execute(query.format(sql.Identifier(schema, table))).fetchone()
    assert row is not None
    return str(row[0])


def harm(database: Database) -> None:
    """What an operator wants to be rid of."""
    database.execute(
        "delete from attendance_records",
        "update users set first_name = 'X'",
        "drop view grown_ups",
        "create table rubbish (user_id integer references users)",
        "alter table notes drop column body",
        "create schema leftovers",
        "create table leftovers.more (id integer)",
    )


def databases_like(database: Database) -> list[str]:
    """The database and what stands beside it, by name."""
    name = str(database.url.database)
    with database.server.connect() as admin:
        found = admin.execute("select datname from pg_database where starts_with(datname, %s) order by 1", [name])
        return [str(each) for (each,) in found]


def forget_aside(database: Database) -> None:
    """Drop what restores have set beside it."""
    with database.server.connect() as admin:
        for name in databases_like(database):
            if name != database.url.database:
                admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def start(
    database: Database, project: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """`python -m ourschool …` in the background, in a group of its own."""
    return forked.start(
        "ourschool", *arguments, cwd=project, env=database.environment(env),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def ourschool(
    database: Database, project: Path, *arguments: str, env: dict[str, str] | None = None, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """`python -m ourschool …` to its end, in the folder of `project`."""
    return typed.ourschool(database, *arguments, status=status, cwd=project, env=env)
