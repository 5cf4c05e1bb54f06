"""One made-up school at head for all tests that only look at it, and an empty database at head for the others."""

from collections.abc import Iterator

import pytest

from ourschool.seed import Plan, seed
from tests.ourschool.history.schools import upgrade
from tests.support.databases import Database, fresh
from tests.support.servers import Server

PLAN = Plan(students=400, years=2, random_seed=7)


@pytest.fixture(scope="session")
def at_head(newest: Server) -> Iterator[str]:
    """The name of an empty database at head, to be cloned."""
    with fresh(newest) as made:
        upgrade(made, "head")
        yield str(made.url.database)


@pytest.fixture
def empty(newest: Server, at_head: str) -> Iterator[Database]:
    """An empty database at head."""
    with fresh(newest, template=at_head) as made:
        yield made


@pytest.fixture(scope="session")
def seeded(newest: Server, at_head: str) -> Iterator[Database]:
    """The school of PLAN; nobody writes in it."""
    with fresh(newest, template=at_head) as made:
        with made.connect() as connection:
            seed(connection, PLAN)
        yield made
