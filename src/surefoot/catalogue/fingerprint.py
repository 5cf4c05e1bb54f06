"""Fingerprints of a whole database without its rows: equal for equal databases, on every server version."""

import hashlib
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.catalogue.reader import read_catalogue

SCHEMAS = sa.text("""
    select nspname
      from pg_namespace
     where nspname !~ '^pg_'
       and nspname <> 'information_schema'
       and not exists (
           select from pg_depend
            where classid = 'pg_namespace'::regclass
              and objid = pg_namespace.oid
              and deptype = 'e'
       )
     order by nspname collate "C"
""")


def fingerprints(connection: Connection) -> dict[str, str]:
    """Return the fingerprint (SHA-256, hex) of each user schema, by name, read in the caller's transaction.

    The bookkeeping tables are included. Grants are not: catalogues are compared without them. Schemas of PostgreSQL and
    of extensions are left out. Raises sqlalchemy.exc.DBAPIError.
    """
    names = connection.execute(SCHEMAS).scalars().all()
    return {name: read_catalogue(connection, name, ignore=frozenset()).fingerprint for name in names}


def fingerprint(of_schemas: Mapping[str, str]) -> str:
    """Return one SHA-256 (hex) for the whole database, from what `fingerprints` returned."""
    lines = "".join(f"{name}\t{of_schemas[name]}\n" for name in sorted(of_schemas))
    return hashlib.sha256(lines.encode()).hexdigest()
