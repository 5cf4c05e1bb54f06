"""Finds the schema that holds the project's tables, and puts it first in the search_path of our sessions.

Whatever runs afterwards means that schema by `current_schema()` and by names without a schema.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import pq, sql
from sqlalchemy.engine import URL, Connection, Engine

from surefoot import database
from surefoot.errors import RefusedError, ServerUnavailable
from surefoot.program import program
from surefoot.project import Project
from surefoot.settings import Settings

VERSION_TABLE = "alembic_version"
SCHEMAS = """
    select nspname,
           array(select relname::text from pg_class where relnamespace = pg_namespace.oid and relkind in ('r', 'p'))
      from unnest(current_schemas(false)) with ordinality as path (name, place)
      join pg_namespace on nspname = name
     order by place
"""
"""The schemas that search_path finds, in its order, with their tables. A transaction's own temporary one is missing."""
GIVEN = sa.text("select setting from pg_settings where name = 'search_path' and source <> 'default'")
CURRENT, SET = "select current_setting('search_path')", "select set_config('search_path', %s, false)"
PATH_AND_ROLE = "select current_setting('search_path'), current_user::text"

KnownTables = Callable[[], Collection[str]]
"""Returns the names of the project's tables. Called only where several schemas have tables: it imports the models."""


@dataclass(frozen=True)
class Schema:
    """A schema and the names of its tables."""

    name: str
    tables: frozenset[str]

    @property
    def versioned(self) -> bool:
        """Return whether Alembic's table is in it."""
        return VERSION_TABLE in self.tables


def url_of(settings: Settings) -> URL:
    """Return `database.url_of`, with a search_path in its options where the tables are not in the first schema.

    A database that cannot be entered has its URL unchanged: whoever connects says why. Raises RefusedError where two
    schemas of search_path hold the project's tables or where it leads to none, ServerUnavailable where no server
    answers, and what `database.url_of` raises.
    """
    url = database.url_of(settings)
    try:
        looks = database.engine_for(url, application_name=program(), answer_timeout=settings.answer_timeout)
        with looks.connect() as connection:
            path = needed(database.driver_of(connection), tables_of(settings.project))
    except sa.exc.DBAPIError as fault:
        explained = database.explain(fault, url)
        if isinstance(explained, ServerUnavailable):
            raise explained from fault
        return url
    return url if path is None else with_path(url, path)


def with_path(url: URL, path: str) -> URL:
    """Return `url` with `path`, as SQL would write it, for the search_path of its sessions."""
    written = re.sub(r"([\\\s])", r"\\\1", path)
    return url.update_query_dict({"options": f"{url.query.get('options', '')} -csearch_path={written}".strip()})


def as_in(real: URL, copy: URL) -> URL:
    """Return the URL of a copy with the search_path that sessions of the real database have, unless it is the usual.

    A copy has no settings of the database, and on another server none of the role.
    """
    with database.engine_for(real, application_name=program()).connect() as connection:
        given = connection.execute(GIVEN).scalar_one_or_none()
    return copy if given is None else with_path(copy, given)


def without_path(options: str) -> str:
    """Return libpq's `options` without their search_path, for a program that names each schema itself."""
    return re.sub(r"(?:-c\s*|--)search_path=(?:\\.|\S)*\s*", "", options).strip()


def tables_of(project: Project) -> KnownTables:
    """Return a function that returns the names of the tables in the project's models."""
    return lambda: {table.name for table in project.load_metadata().tables.values() if table.schema is None}


@contextmanager
def put_first(connection: Connection, known_tables: KnownTables, engine: Engine | None = None) -> Iterator[None]:
    """Put the schema of the tables first in the search_path of `connection` inside the block, where it is not.

    The sessions that `engine` opens from then on have it first as well. The statements bypass SQLAlchemy, so that no
    transaction is open when Alembic takes the connection. Raises RefusedError as `needed` does.
    """
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        yield
        return
    idle = driver.info.transaction_status == pq.TransactionStatus.IDLE
    try:
        path = needed(driver, known_tables)
        before = driver.execute(CURRENT).fetchone() if path is not None else None
        if path is not None:
            driver.execute(SET, (path,))
    finally:
        _end(driver, idle=idle)
    if path is None:
        yield
        return
    if engine is not None:
        sa.event.listen(engine, "connect", lambda opened, _: _set(opened, path))
    try:
        yield
    finally:
        failed = not driver.closed and driver.info.transaction_status == pq.TransactionStatus.INERROR
        if failed and idle:  # what failed is not the caller's; in a transaction of theirs, the setting ends with that
            driver.rollback()
        if not driver.closed and (idle or not failed):
            driver.execute(SET, before)
            _end(driver, idle=idle)


def needed(driver: psycopg.Connection[Any], known_tables: KnownTables) -> str | None:
    """Return the search_path in which the schema of the project's tables comes first; None where it does already.

    Raises RefusedError where two schemas hold them, or where search_path leads to none at all.
    """
    rows = driver.execute(SCHEMAS, prepare=False).fetchall()
    schemas = [Schema(name, frozenset(tables)) for name, tables in rows if not name.startswith("pg_")]
    if not schemas:
        raise _nowhere(driver)
    chosen = choose(schemas, known_tables)
    if chosen is None or chosen == rows[0][0]:
        return None
    others = [each.name for each in schemas if each.name != chosen]
    return ", ".join(sql.Identifier(name).as_string() for name in (chosen, *others))


def choose(schemas: Sequence[Schema], known_tables: KnownTables) -> str | None:
    """Return which of the schemas, in the order of search_path, is the one of the project; None where there is none.

    It is the schema with alembic_version, else the first one with a table of the project, else the first one. Raises
    RefusedError where another one has alembic_version too, hides a table of it, or holds at least half of the tables.
    """
    inhabited = [each for each in schemas if each.tables]
    if not inhabited or inhabited == list(schemas[:1]):
        return schemas[0].name if schemas else None
    known = frozenset(known_tables())
    ours = [each for each in inhabited if each.versioned or each.tables & known]
    if not ours:
        return schemas[0].name
    chosen = next((each for each in ours if each.versioned), ours[0])
    for other in ours:
        held = other.tables & known
        hides = bool(held) and ours.index(other) < ours.index(chosen)
        if other is not chosen and (other.versioned or hides or 2 * len(held) >= len(known) > 0):
            first, second = sorted((chosen, other), key=ours.index)
            raise _two(first, second, known)
    return chosen.name


def _nowhere(driver: psycopg.Connection[Any]) -> RefusedError:
    ((path, role),) = driver.execute(PATH_AND_ROLE, prepare=False).fetchall()
    return RefusedError(
        f"The search_path of {role} ({path or 'empty'}) leads to no schema that exists and that this role may use. "
        "Nothing was changed.",
        "Name the schema of the tables: ?options=-csearch_path%3Dpublic at the end of DATABASE_URL, or for good: "
        f"alter role {sql.Identifier(role).as_string()} set search_path = public. Where it exists, a superuser may "
        f"have to run: grant usage, create on schema public to {sql.Identifier(role).as_string()}.",
    )


def _two(first: Schema, second: Schema, known: frozenset[str]) -> RefusedError:
    def holds(schema: Schema) -> str:
        number = len(schema.tables & known)
        tables = f"{number} {'table' if number == 1 else 'tables'}" if number else ""
        return f"{schema.name} ({' and '.join(filter(None, (VERSION_TABLE * schema.versioned, tables)))})"

    return RefusedError(
        f"Two schemas of search_path hold tables of {program()}: {holds(first)} and {holds(second)}; the first hides "
        "the second. Nothing was changed.",
        "Find out which one has the real rows, and name that schema alone: ?options=-csearch_path%3D"
        f"{second.name} at the end of DATABASE_URL, or for good: alter role … set search_path = "
        f"{sql.Identifier(second.name).as_string()}.",
    )


def _set(opened: Any, path: str) -> None:
    if isinstance(opened, psycopg.Connection):
        opened.execute(SET, (path,))
        _end(opened, idle=True)


def _end(driver: psycopg.Connection[Any], *, idle: bool) -> None:
    """End the transaction that a statement began on a connection that was idle; the setting stays."""
    if idle and not driver.closed and not driver.autocommit:
        driver.commit()
