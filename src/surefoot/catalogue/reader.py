"""`take` reads a schema's catalogue in one statement, inside whatever transaction there is, and leaves no trace."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from surefoot.catalogue.builders import build_catalogue
from surefoot.catalogue.catalogue_queries import CATALOGUE
from surefoot.catalogue.model import Catalogue

KEPT_DEFINITIONS = "migration_definitions"
"""What revisions took away while it was empty: `migrate.online.retire.definitions`."""
BOOKKEEPING = frozenset({"alembic_version", "migration_journal", "migration_made", KEPT_DEFINITIONS})
"""The tables of the migrations themselves: no part of what is compared."""
RETIRED_PREFIX = "__retired_"
"""How the name of a column begins that was set aside in its table: neither it nor its sequence is compared.

The queries have it as a constant; nothing else may hang on such a column.
"""

# What PostgreSQL prints depends on these. In search_path pg_temp comes last: a temporary table of the caller's must not
# hide the real one of its name. jit is off because compiling the statement takes longer than running it.
_SETTINGS = sa.text("""
select
    set_config('search_path', 'pg_catalog, ' || quote_ident(:schema) || ', pg_temp', true),
    set_config('timezone', 'UTC', true),
    set_config('datestyle', 'ISO, YMD', true),
    set_config('intervalstyle', 'postgres', true),
    set_config('bytea_output', 'hex', true),
    set_config('extra_float_digits', '1', true),
    set_config('quote_all_identifiers', 'off', true),
    set_config('standard_conforming_strings', 'on', true),
    set_config('jit', 'off', true)
""")
_CATALOGUE = sa.text(CATALOGUE)


def read_catalogue(
    connection: sa.Connection, schema: str = "public", ignore: frozenset[str] = BOOKKEEPING
) -> Catalogue:
    """The catalogue of `schema` as `connection` sees it, without the tables named in `ignore` and all that is theirs.

    A schema that does not exist has an empty catalogue. Only reads, and leaves the caller's settings and transaction
    as they were. Waits while somebody holds a table exclusively, no longer than the caller's lock_timeout.
    Raises sqlalchemy.exc.DBAPIError.
    """
    return catalogue_from_text(read_text(connection, schema, ignore))


def read_text(connection: sa.Connection, schema: str = "public", ignore: frozenset[str] = BOOKKEEPING) -> str:
    """What `take` has from the server, as JSON that can be kept; `read` makes the catalogue of it."""
    with _traceless(connection):
        connection.execute(_SETTINGS, {"schema": schema})
        return str(connection.execute(_CATALOGUE, {"schema": schema, "ignore": sorted(ignore)}).scalar_one())


def catalogue_from_text(kept: str) -> Catalogue:
    """The catalogue of what `text` returned."""
    return build_catalogue(json.loads(kept))


@contextmanager
def _traceless(connection: sa.Connection) -> Iterator[None]:
    """A block within the caller's transaction, or within one of its own, that is rolled back at the end."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # the only driver there is; tells mypy what it is
    idle = driver.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    held = connection.in_transaction() or not idle
    alone = driver.autocommit and idle
    connection.exec_driver_sql("begin read only" if alone else "savepoint ourschool_snapshot")
    try:
        yield
    finally:
        if alone:
            connection.exec_driver_sql("rollback")
        else:
            connection.exec_driver_sql("rollback to savepoint ourschool_snapshot")
            connection.exec_driver_sql("release savepoint ourschool_snapshot")
        if not held:
            connection.rollback()
