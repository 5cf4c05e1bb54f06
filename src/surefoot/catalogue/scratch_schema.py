"""Builds a catalogue in a scratch schema that is rolled back, to compare a database with what it should be."""

import uuid
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue


def catalogue_built_by(connection: Connection, build: Callable[[Connection], None]) -> Catalogue:
    """Return the catalogue of what `build` creates under unqualified names.

    The real schema is neither locked nor changed. Uses a savepoint where the caller has a transaction. The role needs
    CREATE on the database; without it, as for every refusal of the server, this raises sqlalchemy.exc.DBAPIError.
    """
    schema = f"ourschool_scratch_{uuid.uuid4().hex[:8]}"
    outer = connection.begin_nested() if connection.in_transaction() else connection.begin()
    try:
        connection.execute(sa.schema.CreateSchema(schema))
        connection.execute(sa.text("select set_config('search_path', :schema, true)"), {"schema": schema})
        build(connection)
        return read_catalogue(connection, schema)
    finally:
        outer.rollback()


def built_from_models(metadata: sa.MetaData) -> Callable[[Connection], None]:
    """Return a `build` function for `catalogue_built_by` that creates the tables of `metadata`.

    This is the only place in the package that calls create_all, and what it creates is rolled back.
    """
    return lambda connection: metadata.create_all(connection, checkfirst=False)
