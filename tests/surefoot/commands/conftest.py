"""Databases that are somewhere on the chain already: cloned, so that a test pays for its own steps alone."""

from collections.abc import Iterator

import pytest

from tests.ourschool.existing import rows
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.commands.revisions import BASELINE


@pytest.fixture(scope="session")
def template_with_rows(newest: Server) -> Iterator[str]:
    with fresh(newest) as made:
        made.alembic("upgrade", BASELINE)
        made.execute("drop table alembic_version, migration_journal")
        with made.connect() as connection:
            rows.fill(connection, rows.Size(conflicts=False))
        yield str(made.url.database)


@pytest.fixture
def existing(newest: Server, template_with_rows: str) -> Iterator[Database]:
    """A database as the hand-written scripts left it: the baseline's tables with rows, unknown to Alembic."""
    with fresh(newest, template=template_with_rows) as made:
        yield made
