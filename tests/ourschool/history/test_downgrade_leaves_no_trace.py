"""pytest-alembic's experimental test of the way down, with a copy of the database where it has a savepoint.

Its savepoint cannot hold what runs outside a transaction, as an index does that is built concurrently.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Self

import pytest
import pytest_alembic
import sqlalchemy as sa
from alembic.autogenerate import produce_migrations
from alembic.config import Config
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from psycopg import sql
from pytest_alembic.tests.experimental import test_downgrade_leaves_no_trace
from sqlalchemy.engine import Connection, Engine

from surefoot.runtime import journal
from tests.support.databases import ROOT, Database

__all__ = ["test_downgrade_leaves_no_trace"]


class Copy:
    """The database as it was when the block began; `rollback` puts it back."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self.connection = connection
        self.server = database.server
        self.name = sql.Identifier(str(database.url.database))
        self.copy = sql.Identifier(f"{database.url.database}_copy")

    def __enter__(self) -> Self:
        self._run("create database {copy} template {name}")
        return self

    def rollback(self) -> None:
        self.connection.rollback()
        self.connection.invalidate()
        self._run("drop database {name} with (force)")
        self._run("alter database {copy} rename to {name}")

    def __exit__(self, *_: object) -> None:
        self._run("drop database if exists {copy}")

    def _run(self, statement: str) -> None:
        with self.server.connect() as admin:
            admin.execute(sql.SQL(statement).format(name=self.name, copy=self.copy))


class CopyingConnection(Connection):
    """What the test compares databases through: its nested transactions are copies, made while it is out of the way."""

    database: Database
    commands: Engine

    def begin_nested(self) -> Copy:  # type: ignore[override]  # the test calls rollback() on it and nothing else
        self.rollback()
        self.invalidate()
        return Copy(self.database, self)


class CopyingEngine(Engine):
    """An engine whose begin() gives such a connection; in AUTOCOMMIT, as a build waits for each open transaction."""

    database: Database

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        alone = sa.create_engine(self.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        connection = CopyingConnection(alone)
        connection.database, connection.commands = self.database, self
        with connection:
            yield connection


def without_what_is_retired(context: MigrationContext, metadata: sa.MetaData) -> MigrationScript:
    """Columns that were set aside are meant to stay: nothing is destroyed."""

    def included(_: object, name: str | None, kind: str, *__: object) -> bool:
        return kind != "column" or not str(name).startswith("__retired_")

    context.opts["include_object"] = included
    return produce_migrations(context, metadata)


@pytest.fixture
def alembic_config() -> pytest_alembic.Config:
    # it takes one step down from where two branches stand, and does not say of which: from the merge on there is one.
    # What comes before, test_roads.py takes down and up step by step, with whole catalogues compared
    return pytest_alembic.Config(alembic_config=Config(ROOT / "alembic.ini"), minimum_downgrade_revision="15f0ceb15db2")


@pytest.fixture
def alembic_engine(scratch: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    # the commands connect for themselves, where the test would hand them the connection in its transaction
    monkeypatch.setattr(f"{test_downgrade_leaves_no_trace.__module__}.WrappingConnection", attrgetter("commands"))
    monkeypatch.setattr(f"{test_downgrade_leaves_no_trace.__module__}.produce_migrations", without_what_is_retired)
    plain = sa.create_engine(scratch.url, poolclass=sa.NullPool)
    engine = CopyingEngine(plain.pool, plain.dialect, plain.url)
    engine.database = scratch
    with plain.begin() as connection:
        journal.ensure(connection)  # the one trace that is meant to stay
    yield engine
    engine.dispose()
