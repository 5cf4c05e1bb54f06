"""Databases on the chain, cloned."""

from collections.abc import Iterator

import pytest

from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.commands.revisions import CHAIN


@pytest.fixture(scope="session")
def template_current(newest: Server) -> Iterator[str]:
    with fresh(newest) as made:
        made.alembic("upgrade", "head")
        yield str(made.url.database)


@pytest.fixture(scope="session")
def template_behind(newest: Server) -> Iterator[str]:
    """At the third revision, and once before at the fourth."""
    with fresh(newest) as made:
        made.alembic("upgrade", CHAIN[3])
        made.alembic("downgrade", CHAIN[2])
        yield str(made.url.database)


@pytest.fixture
def current(newest: Server, template_current: str) -> Iterator[Database]:
    with fresh(newest, template=template_current) as made:
        yield made


@pytest.fixture
def behind(newest: Server, template_behind: str) -> Iterator[Database]:
    with fresh(newest, template=template_behind) as made:
        yield made
