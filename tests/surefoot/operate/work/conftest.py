"""A queue whose work lasts."""

from pathlib import Path

import pytest

from tests.support.databases import Database
from tests.surefoot.operate.work.leaving import SLOW, chain


@pytest.fixture
def slow(scratch: Database, project: Path) -> Database:
    """A database in which t.c and its index are queued, and the backfill lasts for a while."""
    chain(scratch, project, rows=20_000)
    scratch.alembic("upgrade", "head", cwd=project)
    scratch.execute(*SLOW)
    return scratch
