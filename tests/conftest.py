"""Fixtures for every test: a server of each version, a fresh database, a copy of the project."""

import logging
import shutil
import signal
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from tests.support import forked, memory, parts
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server, programs, running

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a script began the tests in the background: what they start would inherit that, and nobody could interrupt it
    signal.signal(signal.SIGINT, signal.default_int_handler)

memory.use_for_temporary_files()

MAJORS = [pytest.param(major, id=f"pg{major}") for major in (18, 16, 15) if programs(major)]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--parts", action="store_true", help="a line for each part that is over, and the time left")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--parts") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(parts.Parts(config), "parts")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder of the tests' own: never that of the person who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(autouse=True)
def commands_end() -> Iterator[None]:
    """No command that a test started outlives it."""
    before = set(forked.STARTED)
    yield
    forked.end_those_left(before)


@pytest.fixture(autouse=True)
def log_levels() -> Iterator[None]:
    """Each test meets the levels that the last one met: a command that runs in the tests' process sets its own."""
    known = {name: each.level for name, each in _loggers().items()}
    yield
    for name, each in _loggers().items():
        each.setLevel(known.get(name, logging.NOTSET))


def _loggers() -> dict[str, logging.Logger]:
    made = [logging.root, *logging.root.manager.loggerDict.values()]
    return {each.name: each for each in made if isinstance(each, logging.Logger)}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs on every server does so in the long form; else on 18, and each second test in turn on 16 or 15, too."""
    if len(MAJORS) < 3:
        return
    for item in items:
        major = getattr(item, "callspec", None) and item.callspec.params.get("server")  # type: ignore[attr-defined]
        turn = (16, None, 15, None)[zlib.crc32(item.nodeid.partition("[")[0].encode()) % 4]
        if major in {16, 15} and major != turn and not {"long", "every_server"} & set(item.keywords):
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Callable[[int], Server]]:
    """The server of a major version that tests share. Whoever is the first to ask has it started."""
    with ExitStack() as started:
        yield cache(lambda major: started.enter_context(running(major)))


@pytest.fixture(scope="session", params=MAJORS)
def server(request: pytest.FixtureRequest, shared_server: Callable[[int], Server]) -> Server:
    """PostgreSQL 18, 16 and, where the machine has it, 15."""
    return shared_server(request.param)


@pytest.fixture(scope="session")
def newest(shared_server: Callable[[int], Server]) -> Server:
    """PostgreSQL 18 alone, for what cannot depend on the version."""
    return shared_server(18)


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """An empty database at America/Chicago on each of the servers."""
    with fresh(server) as made:
        yield made


@pytest.fixture
def scratch(newest: Server) -> Iterator[Database]:
    """An empty database at America/Chicago on PostgreSQL 18."""
    with fresh(newest) as made:
        yield made


@pytest.fixture(scope="session")
def template_at_head(newest: Server) -> Iterator[str]:
    with fresh(newest) as made:
        made.alembic("upgrade", "head")
        yield str(made.url.database)


@pytest.fixture
def at_head(newest: Server, template_at_head: str) -> Iterator[Database]:
    """A database at head, without rows, on PostgreSQL 18."""
    with fresh(newest, template=template_at_head) as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what Alembic reads and writes, for tests that add revisions."""
    shutil.copytree(ROOT / "alembic", tmp_path / "alembic")  # with what is compiled, which is most of reading them
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    return tmp_path
