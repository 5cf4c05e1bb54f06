"""Schools that are cloned for each kill and each silence."""

from collections.abc import Iterator

import pytest

from tests.ourschool.history.schools import BASELINE
from tests.support.servers import Server
from tests.surefoot.servers.pools import LATE, Prepared, school_at


@pytest.fixture(scope="session")
def nearly_at_head(newest: Server) -> Iterator[Prepared]:
    """A school that has not far to go: for the short forms."""
    with school_at(newest, LATE) as made:
        yield made


@pytest.fixture(scope="session")
def at_the_baseline(newest: Server) -> Iterator[Prepared]:
    with school_at(newest, BASELINE) as made:
        yield made
