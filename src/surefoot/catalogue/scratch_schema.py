"""Builds a catalogue in a scratch schema that is rolled back, to compare a database with what it should be."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue

# The types and operator classes of the extensions that the database has are found behind what is built.
SEARCH_PATH = sa.text("""
    select set_config('search_path', concat_ws(', ', cast(:schema as text), string_agg(distinct quote_ident(nspname),
                      ', ')), true)
      from pg_extension
      join pg_namespace on pg_namespace.oid = extnamespace
     where not starts_with(nspname, 'pg_')
""")
EXTENSIONS = sa.text("select extname from pg_extension order by extname")
CREATE_EXTENSION = re.compile(r"\bcreate\s+extension\s+(?!if\s+not\s+exists\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Built:
    """The catalogue of what was built, and the extensions that were created with it, for the database lacks them."""

    catalogue: Catalogue
    extensions: tuple[str, ...]


def build(connection: Connection, create: Callable[[Connection], None]) -> Built:
    """Return what `create` creates under unqualified names.

    The real schema is neither locked nor changed. Uses a savepoint where the caller has a transaction. The role needs
    CREATE on the database; without it, as for every refusal of the server, this raises sqlalchemy.exc.DBAPIError.
    """
    schema = f"ourschool_scratch_{uuid.uuid4().hex[:8]}"
    outer = connection.begin_nested() if connection.in_transaction() else connection.begin()
    try:
        connection.execute(sa.schema.CreateSchema(schema))
        connection.execute(SEARCH_PATH, {"schema": schema})
        before = connection.execute(EXTENSIONS).scalars().all()
        create(connection)
        made = [name for name in connection.execute(EXTENSIONS).scalars() if name not in before]
        return Built(read_catalogue(connection), tuple(made))
    finally:
        outer.rollback()


def catalogue_built_by(connection: Connection, create: Callable[[Connection], None]) -> Catalogue:
    """Return the catalogue alone of what `build` returns, and raise the same."""
    return build(connection, create).catalogue


def built_from_models(metadata: sa.MetaData) -> Callable[[Connection], None]:
    """Return a function for `build` that creates the tables of `metadata` and runs the DDL of its events.

    This is the only place in the package that calls create_all, and what it creates is rolled back. An extension that
    the database has already is no reason to fail.
    """

    def create(connection: Connection) -> None:
        sa.event.listen(connection, "before_cursor_execute", _if_not_exists, retval=True)
        try:
            metadata.create_all(connection, checkfirst=False)
        finally:
            sa.event.remove(connection, "before_cursor_execute", _if_not_exists)

    return create


def _if_not_exists(
    _connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object
) -> tuple[str, Any]:
    """Handle SQLAlchemy's event `before_cursor_execute`: the statement to run, and its parameters."""
    return CREATE_EXTENSION.sub("create extension if not exists ", statement, count=1), parameters
