"""A school at head with rows and with what a school adds of its own; a project folder for its backups."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from ourschool.project import PROJECT
from surefoot.operate.backup import Backup, backup
from surefoot.settings import Settings
from tests.ourschool.existing.rows import Size
from tests.ourschool.history.schools import make_existing
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.operate.backup.schools import OWN, forget_aside


@pytest.fixture(scope="session")
def template_school(server: Server) -> Iterator[str]:
    """On each of the servers, to be cloned."""
    with fresh(server) as made:
        make_existing(made, Size.of(student_assignments=3000, attendance_records=3000, conflicts=False))
        made.alembic("upgrade", "head")
        made.execute(*OWN)
        yield str(made.url.database)


@pytest.fixture(scope="session")
def template_newest(newest: Server) -> Iterator[str]:
    """The same on PostgreSQL 18 alone."""
    with fresh(newest) as made:
        make_existing(made, Size.of(student_assignments=3000, attendance_records=3000, conflicts=False))
        made.alembic("upgrade", "head")
        made.execute(*OWN)
        yield str(made.url.database)


@pytest.fixture
def school(newest: Server, template_newest: str) -> Iterator[Database]:
    with fresh(newest, template=template_newest) as made:
        yield made
        forget_aside(made)


@pytest.fixture
def school_anywhere(server: Server, template_school: str) -> Iterator[Database]:
    with fresh(server, template=template_school) as made:
        yield made
        forget_aside(made)


@pytest.fixture
def settings(project: Path) -> Settings:
    return Settings(PROJECT.at(project))


@pytest.fixture
def url(school: Database) -> URL:
    return school.url


@pytest.fixture
def made(settings: Settings, url: URL) -> Backup:
    """A backup of the school, for tests that do something to it or with it."""
    return backup(settings, url, jobs=2)
