"""Fixtures for the tests of an application: `globals().update(fixtures(PROJECT))` in a pytest plugin.

A template database is migrated once a session, with pytest-xdist once for each worker. A test gets a clone of it, or a
transaction that is rolled back. The server is that of `<NAME>_TEST_DATABASE_URL`, whose role may create databases, or
else an embedded one that ends with the session.
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
from surefoot.template_clones import TemplateClones


def fixtures(project: Project) -> dict[str, Any]:
    """Return the fixtures by name: `<name>_server`, `_template`, `_database`, `_engine`, `_connection` and so on."""

    @pytest.fixture(scope="session", name=f"{project.name}_server")
    def server() -> URL:
        """Return a URL on the server on which the databases of the tests are created."""
        given = os.environ.get(f"{project.prefix}TEST_DATABASE_URL")
        return database.url_of(Settings(project, given)) if given else temporary_server()

    @pytest.fixture(scope="session", name=f"{project.name}_template")
    def template(request: pytest.FixtureRequest) -> Iterator[URL]:
        """Yield the URL of the template: a database at head without rows, to which nobody may be connected."""
        # the session that creates it connects to `postgres`: nobody may be connected to the template
        server = request.getfixturevalue(f"{project.name}_server").set(database="postgres")
        with temporary_database(server, _name(project), "template0") as url:
            ensure_current(sa.create_engine(url, poolclass=sa.NullPool), project)
            yield url

    @pytest.fixture(scope="session", name=f"{project.name}_clones")
    def clones(request: pytest.FixtureRequest) -> Iterator[TemplateClones]:
        """Yield what clones the template for one test after another."""
        made = TemplateClones(request.getfixturevalue(f"{project.name}_template"))
        yield made
        made.close()

    @pytest.fixture(name=f"{project.name}_database")
    def clone(request: pytest.FixtureRequest) -> Iterator[URL]:
        """Yield the URL of a clone of the template for one test, which may commit."""
        with request.getfixturevalue(f"{project.name}_clones").clone(_name(project)) as url:
            yield url

    @pytest.fixture(name=f"{project.name}_engine")
    def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
        """Yield an engine on the test's own clone."""
        with _engine(request.getfixturevalue(f"{project.name}_database")) as made:
            yield made

    @pytest.fixture(scope="session", name=f"{project.name}_shared_engine")
    def shared_engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
        """Yield an engine on a clone that the tests with `_connection` share."""
        clones: TemplateClones = request.getfixturevalue(f"{project.name}_clones")
        with clones.clone(_name(project)) as url, _engine(url) as made:
            yield made

    @pytest.fixture(name=f"{project.name}_connection")
    def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
        """Yield a connection in a transaction that is rolled back: the fastest where one connection is enough."""
        with request.getfixturevalue(f"{project.name}_shared_engine").connect() as opened:
            transaction = opened.begin()
            yield opened
            transaction.rollback()

    @pytest.fixture(name=f"{project.name}_session")
    def session(request: pytest.FixtureRequest) -> Iterator[Session]:
        """Yield an ORM session on that connection.

        Its commits release savepoints and are rolled back after the test.
        """
        opened = request.getfixturevalue(f"{project.name}_connection")
        with Session(opened, join_transaction_mode="create_savepoint") as made:
            yield made

    made = (server, template, clones, clone, engine, shared_engine, connection, session)
    return {f"{project.name}_{each.__name__}": each for each in made}


@contextmanager
def _engine(url: URL) -> Iterator[Engine]:
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


def _name(project: Project) -> str:
    return f"{project.name}_test_{uuid.uuid4().hex[:12]}"
