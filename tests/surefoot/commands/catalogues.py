"""What a database is, for comparing one with another."""

from surefoot.catalogue.compare import compare
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from tests.support.databases import Database


def catalogue(database: Database) -> Catalogue:
    """Its catalogue, without the bookkeeping of migrations."""
    with database.engine().connect() as connection:
        return read_catalogue(connection)


def differences(expected: Database, found: Database) -> tuple[str, ...]:
    """Each difference as a line; none where the two are equal."""
    return compare(catalogue(expected), catalogue(found)).lines()


def leftovers(database: Database) -> list[tuple[object, ...]]:
    """Whatever somebody made in this database beside the bookkeeping of migrations, in any schema."""
    return database.rows("""
        with schemas as (
            select oid, nspname
              from pg_namespace
             where nspname !~ '^(pg_|information_schema$)'
        )
        select 'schema', nspname from schemas where nspname <> 'public'
         union all
        select 'relation', relname
          from pg_class
          join schemas on schemas.oid = relnamespace
         where relkind in ('r', 'p', 'v', 'm', 'S', 'c')
           and relname not in ('alembic_version', 'migration_journal', 'migration_journal_id_seq')
         union all
        select 'type', typname from pg_type join schemas on schemas.oid = typnamespace where typtype in ('e', 'd')
         union all
        select 'function', proname from pg_proc join schemas on schemas.oid = pronamespace
         order by 1, 2
    """)
