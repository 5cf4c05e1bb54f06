"""A school of twelve tables with rows in each, made once on each server and cloned for each case."""

from collections.abc import Iterator

import pytest

from tests.ourschool.history import schools
from tests.support.databases import Database, fresh
from tests.support.servers import Server, running


@pytest.fixture(scope="session")
def school_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """PostgreSQL 18 where a test asks for no other."""
    with running(getattr(request, "param", 18)) as started:
        yield started


@pytest.fixture(scope="session")
def at_head(school_server: Server) -> Iterator[Database]:
    """The template that the cases are cloned from."""
    with fresh(school_server) as database:
        schools.make_existing(database)
        schools.upgrade(database, "4ad87c1e95b0")
        yield database


@pytest.fixture
def school(school_server: Server, at_head: Database) -> Iterator[Database]:
    """A school of one's own."""
    with fresh(school_server, template=str(at_head.url.database)) as database:
        yield database
