"""Fixtures for an application's tests: `pytest_plugins = ["surefoot.testing"]` in its conftest.py.

The database is migrated once a session, as a template; a test has a clone of it, or a transaction that is rolled back.
With pytest-xdist each worker has a template of its own. The server is the one of OURSCHOOL_TEST_DATABASE_URL (a role
that may create databases), or else an embedded one that ends with the session.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.orm import Session

from surefoot import database
from surefoot.operate.ensure import ensure_current
from surefoot.scratch_database import held
from surefoot.servers.temporary_server import temporary_server
from surefoot.settings import Settings

VARIABLE = "OURSCHOOL_TEST_DATABASE_URL"


@pytest.fixture(scope="session")
def ourschool_server() -> URL:
    """The URL of a database on the server that the tests' databases are made on; none of them is that one."""
    given = os.environ.get(VARIABLE)
    return database.url_of(Settings(Path.cwd(), given)) if given else temporary_server()


@pytest.fixture(scope="session")
def ourschool_template(ourschool_server: URL) -> Iterator[URL]:
    """A database at head without rows of the school. Nobody may be connected to it: it is what clones are made of."""
    with _database(ourschool_server) as url:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        ensure_current(engine)
        yield url


@pytest.fixture
def ourschool_database(ourschool_template: URL) -> Iterator[URL]:
    """A clone of the template for one test, which may commit as it likes."""
    with _database(ourschool_template, template=ourschool_template) as url:
        yield url


@pytest.fixture
def ourschool_engine(ourschool_database: URL) -> Iterator[Engine]:
    """An engine on the test's own clone."""
    engine = sa.create_engine(ourschool_database)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def ourschool_shared_engine(ourschool_template: URL) -> Iterator[Engine]:
    """An engine on one clone that all tests of `ourschool_connection` work on, one after the other."""
    with _database(ourschool_template, template=ourschool_template) as url:
        engine = sa.create_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def ourschool_connection(ourschool_shared_engine: Engine) -> Iterator[Connection]:
    """A connection inside a transaction that is rolled back: the quick way for a test that needs no second one."""
    with ourschool_shared_engine.connect() as connection:
        transaction = connection.begin()
        yield connection
        transaction.rollback()


@pytest.fixture
def ourschool_session(ourschool_connection: Connection) -> Iterator[Session]:
    """A session on that connection; its commits are savepoints, and gone after the test like all the rest."""
    with Session(ourschool_connection, join_transaction_mode="create_savepoint") as session:
        yield session


@contextmanager
def _database(server: URL, *, template: URL | None = None) -> Iterator[URL]:
    name = f"ourschool_test_{uuid.uuid4().hex[:12]}"
    made_of = (template.database or "") if template else "template0"
    # a session connects to `postgres`: the template must have nobody in it
    with held(server.set(database="postgres"), name, made_of, strategy="file_copy") as url:
        yield url
