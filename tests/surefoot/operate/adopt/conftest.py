"""Existing databases: the baseline's tables with rows, unknown to Alembic; one a test, cloned."""

from collections.abc import Iterator

import pytest

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.settings import Settings
from tests.ourschool.existing import rows
from tests.ourschool.history.schools import BASELINE
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server


@pytest.fixture(scope="session")
def adoptable(newest: Server) -> Iterator[str]:
    with fresh(newest) as made:
        made.alembic("upgrade", BASELINE)
        made.execute("drop table alembic_version, migration_journal")
        with made.connect() as connection:
            rows.fill(connection, rows.Size.of(student_assignments=30, attendance_records=30, conflicts=False))
        yield str(made.url.database)


@pytest.fixture
def existing(newest: Server, adoptable: str) -> Iterator[Database]:
    with fresh(newest, template=adoptable) as made:
        yield made


def project(database: Database) -> Settings:
    return settings.load(PROJECT.at(ROOT), database_url=database.url.render_as_string(False), environ={})
