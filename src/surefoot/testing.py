"""Fixtures for an application's tests, made for a project: `globals().update(fixtures(PROJECT))` in a pytest plugin.

The database is migrated once a session, as a template; a test has a clone of it, or a transaction that is rolled back.
With pytest-xdist each worker has a template of its own. The server is the one of `<NAME>_TEST_DATABASE_URL` (a role
that may create databases), or else an embedded one that ends with the session.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.orm import Session

from surefoot import database
from surefoot.operate.ensure import ensure_current
from surefoot.project import Project
from surefoot.scratch_database import temporary_database
from surefoot.servers.temporary_server import temporary_server
from surefoot.settings import Settings


def fixtures(project: Project) -> dict[str, Any]:
    """The fixtures by their names: `<name>_server`, `_template`, `_database`, `_engine`, `_connection` and so on."""

    @pytest.fixture(scope="session", name=f"{project.name}_server")
    def server() -> URL:
        """The URL of a database on the server that the tests' databases are made on; none of them is that one."""
        given = os.environ.get(f"{project.prefix}TEST_DATABASE_URL")
        return database.url_of(Settings(project, given)) if given else temporary_server()

    @pytest.fixture(scope="session", name=f"{project.name}_template")
    def template(request: pytest.FixtureRequest) -> Iterator[URL]:
        """A database at head without rows. Nobody may be connected to it: it is what clones are made of."""
        with _database(project, request.getfixturevalue(f"{project.name}_server")) as url:
            ensure_current(sa.create_engine(url, poolclass=sa.NullPool), project)
            yield url

    @pytest.fixture(name=f"{project.name}_database")
    def clone(request: pytest.FixtureRequest) -> Iterator[URL]:
        """A clone of the template for one test, which may commit as it likes."""
        with _clone(project, request) as url:
            yield url

    @pytest.fixture(name=f"{project.name}_engine")
    def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
        """An engine on the test's own clone."""
        with _engine(request.getfixturevalue(f"{project.name}_database")) as made:
            yield made

    @pytest.fixture(scope="session", name=f"{project.name}_shared_engine")
    def shared_engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
        """An engine on one clone that all tests of `_connection` work on, one after the other."""
        with _clone(project, request) as url, _engine(url) as made:
            yield made

    @pytest.fixture(name=f"{project.name}_connection")
    def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
        """A connection inside a transaction that is rolled back: the quick way for a test that needs no second one."""
        with request.getfixturevalue(f"{project.name}_shared_engine").connect() as opened:
            transaction = opened.begin()
            yield opened
            transaction.rollback()

    @pytest.fixture(name=f"{project.name}_session")
    def session(request: pytest.FixtureRequest) -> Iterator[Session]:
        """A session on that connection; its commits are savepoints, and gone after the test like all the rest."""
        opened = request.getfixturevalue(f"{project.name}_connection")
        with Session(opened, join_transaction_mode="create_savepoint") as made:
            yield made

    made = (server, template, clone, engine, shared_engine, connection, session)
    return {f"{project.name}_{each.__name__}": each for each in made}


@contextmanager
def _clone(project: Project, request: pytest.FixtureRequest) -> Iterator[URL]:
    template = request.getfixturevalue(f"{project.name}_template")
    with _database(project, template, template=template) as url:
        yield url


@contextmanager
def _engine(url: URL) -> Iterator[Engine]:
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


@contextmanager
def _database(project: Project, server: URL, *, template: URL | None = None) -> Iterator[URL]:
    name = f"{project.name}_test_{uuid.uuid4().hex[:12]}"
    made_of = (template.database or "") if template else "template0"
    # a session connects to `postgres`: the template must have nobody in it
    with temporary_database(server.set(database="postgres"), name, made_of, strategy="file_copy") as url:
        yield url
