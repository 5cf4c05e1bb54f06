"""Servers of each version that the machine has, for dumps of one that are restored in another."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict

import pytest

from tests.support.servers import Server
from tests.surefoot.restorable.dumps import VERSIONS
from tests.surefoot.restorable.interrupted import Figures


@pytest.fixture(scope="session")
def servers(shared_server: Callable[[int], Server]) -> Mapping[int, Server]:
    """One of each version, by its number."""
    return {major: shared_server(major) for major in VERSIONS}


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Iterator[Figures]:
    """What the test does; the last lines of the run sum it up for each file."""
    made = Figures()
    yield made
    record_property("figures", asdict(made))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line a file: how many points were cut, and what came of the dumps."""
    files: dict[str, Figures] = {}
    for report in (each for reports in terminalreporter.stats.values() for each in reports):
        if getattr(report, "when", None) == "teardown":
            for figures in (Figures(**value) for name, value in report.user_properties if name == "figures"):
                file = report.nodeid.partition("::")[0]
                files[file] = files.get(file, Figures()) + figures
    for file, figures in sorted(files.items()):
        terminalreporter.write_line(f"{file}: {figures}")
