"""One short text for all that a database holds beside its rows: equal for equal databases, on every server version."""

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
    """The fingerprint of each schema of a person's, Alembic's own tables included; in the caller's transaction.

    Grants are no part of it, as they are no part of what makes catalogues equal. Raises sqlalchemy.exc.DBAPIError.
    """
    names = connection.execute(SCHEMAS).scalars().all()
    return {name: read_catalogue(connection, name, ignore=frozenset()).fingerprint for name in names}


def fingerprint(of_schemas: Mapping[str, str]) -> str:
    """One SHA-256 for the whole database, from what `fingerprints` gave."""
    lines = "".join(f"{name}\t{of_schemas[name]}\n" for name in sorted(of_schemas))
    return hashlib.sha256(lines.encode()).hexdigest()
