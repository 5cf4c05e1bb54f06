"""Servers of each version that the machine has, for dumps of one that are restored in another."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.restorable.dumps import VERSIONS
from tests.support.servers import Server, running


@pytest.fixture(scope="session")
def servers() -> Iterator[Mapping[int, Server]]:
    """One of each version, by its number."""
    with ExitStack() as stack:
        yield {major: stack.enter_context(running(major)) for major in VERSIONS}
