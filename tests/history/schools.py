"""Databases on the way: an existing one with rows in it, steps along the chain, and what is counted at each stop."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from ourschool.schema.catalogue import Catalogue
from ourschool.schema.snapshot import take
from tests.existing.rows import SMALL, TABLES, Counts, Size, fill
from tests.support.databases import ROOT, Database

BASELINE = "cd0edd614cc5"
SCRIPTS = sorted((ROOT / "alembic" / "legacy_sql").glob("*.sql"))
CHAIN: tuple[str, ...] = tuple(
    reversed([each.revision for each in ScriptDirectory(str(ROOT / "alembic")).walk_revisions("base", "heads")])
)
"""Every revision, oldest first."""
HEAD = CHAIN[-1]

Row = tuple[object, ...]


def make_existing(database: Database, size: Size = SMALL, *, stamped: bool = True) -> Counts:
    """What the hand-written scripts made, with rows in all twelve tables; under Alembic where `stamped`."""
    database.psql(*(part for script in SCRIPTS for part in ("-f", str(script))))
    with database.connect() as connection:
        counts = fill(connection, size)
    if stamped:
        _run(database, command.stamp, BASELINE)
    return counts


def upgrade(database: Database, revision: str) -> None:
    """`alembic upgrade`, in this process: the steps of one test need no new interpreter each."""
    _run(database, command.upgrade, revision)


def downgrade(database: Database, revision: str) -> None:
    """`alembic downgrade`, in this process."""
    _run(database, command.downgrade, revision)


def catalogue(database: Database, schema: str = "public") -> Catalogue:
    with database.engine().connect() as connection:
        return take(connection, schema)


def counted(database: Database, tables: Sequence[str] = tuple(TABLES)) -> dict[str, object]:
    """How many rows each of the twelve tables has."""
    each = ", ".join(f"(select count(*) from {table})" for table in tables)
    return dict(zip(tables, database.rows(f"select {each}")[0], strict=True))


def journal(database: Database, outcome: str = "done") -> list[Row]:
    """Direction and revision of what was journalled with that outcome, oldest first."""
    query = f"select direction, revision from migration_journal where outcome = '{outcome}' order by id"
    return database.rows(query)


def at(database: Database) -> list[object]:
    """The revisions that the database says it is at."""
    return [revision for (revision,) in database.rows("select version_num from alembic_version order by 1")]


def columns(database: Database, query: str) -> dict[object, object]:
    """A query of two columns as a dictionary."""
    return dict(database.rows(query))  # type: ignore[arg-type]  # two columns: the caller's word


def relfilenodes(database: Database) -> dict[object, object]:
    """Where each table's rows are on disk: another number says that the table was rewritten."""
    return columns(database, f"select oid::regclass::text, relfilenode from pg_class where relname in {tuple(TABLES)}")


def _run(database: Database, what: object, revision: str) -> None:
    assert callable(what)
    config = Config(str(ROOT / "alembic.ini"))
    engine: sa.Engine = database.engine()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        what(config, revision)
    engine.dispose()
