"""A school of twelve tables with rows in each, made once on each server and cloned for each case."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from tests.ourschool.history import schools
from tests.support.databases import Database, fresh
from tests.support.servers import Server


@pytest.fixture(scope="session")
def template(shared_server: Callable[[int], Server]) -> Iterator[Callable[[int], Database]]:
    """What the cases are cloned from, by the major version of the server."""
    with ExitStack() as made:

        def school(major: int) -> Database:
            database = made.enter_context(fresh(shared_server(major)))
            schools.make_existing(database)
            schools.upgrade(database, "4ad87c1e95b0")
            return database

        yield cache(school)


@pytest.fixture
def school(request: pytest.FixtureRequest, template: Callable[[int], Database]) -> Iterator[Database]:
    """A school of one's own, on PostgreSQL 18 where a test asks for no other."""
    of = template(getattr(request, "param", 18))
    with fresh(of.server, template=str(of.url.database)) as database:
        yield database
