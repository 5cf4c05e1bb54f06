"""Databases that stand at a revision, cloned instead of climbed to by each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.ourschool.history.schools import HISTORY, upgrade
from tests.support.databases import Database, fresh
from tests.support.servers import Server

Stop = Callable[[str], Database]


@pytest.fixture(scope="session")
def stops(newest: Server) -> Iterator[Callable[[str], str]]:
    """The name of an empty school's database at a revision, made when it is first asked for.

    It goes on from the nearest one on its way that is there already.
    """
    made: dict[str, str] = {}
    with ExitStack() as stack:

        def stop(revision: str) -> str:
            if revision not in made:
                way = (each.revision for each in HISTORY.walk_revisions("base", revision))
                nearest = next((made[each] for each in way if each in made), "template0")
                database = stack.enter_context(fresh(newest, template=nearest))
                upgrade(database, revision)
                made[revision] = str(database.url.database)
            return made[revision]

        yield stop


@pytest.fixture
def at_revision(newest: Server, stops: Callable[[str], str]) -> Iterator[Stop]:
    """A database of the test's own at that revision, without rows, on PostgreSQL 18."""
    with ExitStack() as stack:
        yield lambda revision: stack.enter_context(fresh(newest, template=stops(revision)))
