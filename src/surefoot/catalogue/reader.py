"""Reads the catalogue of a schema in one statement, inside any transaction, and leaves no trace there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import psycopg
import sqlalchemy as sa

from surefoot.catalogue.builders import build_catalogue
from surefoot.catalogue.catalogue_queries import CATALOGUE
from surefoot.catalogue.model import Catalogue
from surefoot.database import driver_of

KEPT_DEFINITIONS = "migration_definitions"
"""The table of definitions of retired objects that had no rows: `surefoot.online.retire.kept_definitions`."""
BOOKKEEPING = frozenset({"alembic_version", "migration_journal", "migration_made", "migration_queue", KEPT_DEFINITIONS})
"""The tables that migrations keep for themselves. They are not compared."""
RETIRED_PREFIX = "__retired_"
"""The beginning of the name of a column that was retired within its table. It is not compared, nor is its sequence.

The catalogue queries repeat it as a literal. No index or constraint may depend on such a column.
"""

# What PostgreSQL prints depends on these settings. In search_path pg_temp comes last, so that a temporary table of the
# caller does not hide the real one of its name. The schemas of extensions are in it for current_schema(), so
# that what they made is printed alike wherever it is. jit is off: compiling the statement takes longer than running it.
_SETTINGS = sa.text("""
with space as materialized (
    select coalesce(cast(:schema as text), current_schema(), 'public') as name
)
select
    space.name,
    set_config('search_path', concat_ws(', ', 'pg_catalog', quote_ident(space.name), extensions, 'pg_temp'), true),
    set_config('timezone', 'UTC', true),
    set_config('datestyle', 'ISO, YMD', true),
    set_config('intervalstyle', 'postgres', true),
    set_config('bytea_output', 'hex', true),
    set_config('extra_float_digits', '1', true),
    set_config('quote_all_identifiers', 'off', true),
    set_config('standard_conforming_strings', 'on', true),
    set_config('jit', 'off', true)
from space
cross join (
    select string_agg(distinct quote_ident(nspname), ', ') filter (where cast(:schema as text) is null) as extensions
      from pg_extension
      join pg_namespace on pg_namespace.oid = extnamespace
     where not starts_with(nspname, 'pg_')
) as installed
""")
_CATALOGUE = sa.text(CATALOGUE)


def read_catalogue(
    connection: sa.Connection, schema: str | None = None, ignore: frozenset[str] = BOOKKEEPING
) -> Catalogue:
    """Return the catalogue of `schema` as `connection` sees it, without the tables in `ignore` and their parts.

    Without `schema` it is that of current_schema(), which `surefoot.search_path` makes the one of the tables. A schema
    that does not exist has an empty catalogue. The caller's settings and transaction stay as they were. The statement
    waits while another session holds ACCESS EXCLUSIVE on a table, at most for the caller's lock_timeout. Raises
    sqlalchemy.exc.DBAPIError.
    """
    return catalogue_from_text(read_text(connection, schema, ignore))


def read_text(connection: sa.Connection, schema: str | None = None, ignore: frozenset[str] = BOOKKEEPING) -> str:
    """Return the same as `read_catalogue`, as JSON text that can be stored; `catalogue_from_text` parses it."""
    with _rolled_back(connection):
        read = connection.execute(_SETTINGS, {"schema": schema}).scalar_one()
        return str(connection.execute(_CATALOGUE, {"schema": read, "ignore": sorted(ignore)}).scalar_one())


@lru_cache(maxsize=4)  # a revision is tried up, down and up: half of the catalogues are those that were there before
def catalogue_from_text(text: str) -> Catalogue:
    """Return the catalogue that `read_text` returned as `text`."""
    return build_catalogue(json.loads(text))


@contextmanager
def _rolled_back(connection: sa.Connection) -> Iterator[None]:
    """Run the block in a savepoint of the caller's transaction, or in a transaction of its own, and roll that back."""
    driver = driver_of(connection)
    idle = driver.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    callers = connection.in_transaction() or not idle
    own_transaction = driver.autocommit and idle
    connection.exec_driver_sql("begin read only" if own_transaction else "savepoint ourschool_snapshot")
    try:
        yield
    finally:
        if own_transaction:
            connection.exec_driver_sql("rollback")
        else:
            connection.exec_driver_sql("rollback to savepoint ourschool_snapshot")
            connection.exec_driver_sql("release savepoint ourschool_snapshot")
        if not callers:
            connection.rollback()
