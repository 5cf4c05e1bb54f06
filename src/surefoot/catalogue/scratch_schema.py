"""What would a database look like that was built this way? Built in a schema that is rolled back, nothing stays."""

import uuid
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue


def catalogue_built_by(connection: Connection, build: Callable[[Connection], None]) -> Catalogue:
    """The catalogue of what `build` makes with unqualified names; no lock on, and no trace in, the real schema.

    Needs the right to create a schema. Works inside the caller's transaction too, through a savepoint.
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
    """A builder for `catalogue_of`. The one place of the product that says create_all, and it is rolled back."""
    return lambda connection: metadata.create_all(connection, checkfirst=False)
