"""A school at head with rows, on each server, and revisions of a copied project that are pending on it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot.budgets import NO_LIMITS
from surefoot.operate.rehearse.copy_source import RehearsalOptions
from surefoot.operate.rehearse.rehearsal import rehearse
from surefoot.operate.rehearse.rehearsal_result import Rehearsal
from surefoot.settings import Settings
from tests.ourschool.existing.rows import Size
from tests.ourschool.history.schools import make_existing, upgrade
from tests.support.databases import Database, fresh
from tests.support.servers import Server

SMALL = Size.of(student_assignments=300, attendance_records=300, conflicts=False)
Rehearse = Callable[[Database], Rehearsal]


@pytest.fixture(scope="session")
def template_with_rows(newest: Server) -> Iterator[str]:
    with fresh(newest) as made:
        make_existing(made, SMALL)
        upgrade(made, "head")
        yield str(made.url.database)


@pytest.fixture
def school(newest: Server, template_with_rows: str) -> Iterator[Database]:
    """At head, with rows, on PostgreSQL 18."""
    with fresh(newest, template=template_with_rows) as made:
        yield made


@pytest.fixture
def settings(project: Path) -> Settings:
    return Settings(PROJECT.at(project), budget=NO_LIMITS)


@pytest.fixture
def rehearsed(settings: Settings) -> Rehearse:
    """A rehearsal in this process, of what is pending in the copied project."""

    def run(database: Database) -> Rehearsal:
        found = rehearse(settings, database.url, RehearsalOptions(fresh=True), say=lambda _: None)
        assert found is not None
        return found

    return run
