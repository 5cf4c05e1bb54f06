"""`pytest --parts`: a plain line for each part of the tests that is over, with the time left; failures at once.

The time left is reckoned from what each test took last time, which .pytest_cache keeps, else from `SECONDS`.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import pytest

KEPT = "parts/seconds"
"""Where .pytest_cache keeps the seconds of each test."""
EVERY = 60.0
"""Seconds after which there is a line, though no part is over."""
FEW = 0.02
"""The share of all work before which nothing can be said of the time left."""
SECONDS = {
    "architecture": 0.8, "bakery": 6.0, "deploy": 2.0, "docs": 2.0, "ourschool": 1.0, "ourschool/existing": 0.5,
    "ourschool/history": 2.0, "ourschool/models": 0.3, "ourschool/seed": 1.0, "surefoot": 1.0, "surefoot/author": 1.0,
    "surefoot/autogenerate": 2.0, "surefoot/catalogue": 0.5, "surefoot/commands": 1.5, "surefoot/faults": 5.0,
    "surefoot/online": 1.5, "surefoot/operate": 2.0, "surefoot/replication": 10.0, "surefoot/restorable": 6.0,
    "surefoot/roles": 1.5, "surefoot/runtime": 2.0, "surefoot/servers": 3.0,
}  # fmt: skip
"""What a test of the part takes, as far as parts differ: only the shares matter."""


def part_of(test: str) -> str:
    """Return the folder that a test is in, by its node id, without `tests` and no deeper than two."""
    folders = test.partition("::")[0].split("/")[1:-1]
    return "/".join(folders[:2]) or "."


class Progress:
    """Counts tests that are over, and writes a line where a part is, a test failed, or a minute has gone by."""

    def __init__(
        self,
        tests: Sequence[str],
        known: Mapping[str, float],
        write: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds: dict[str, float] = {}
        """What each test that is over took."""
        self._expected = {test: known.get(test) or SECONDS.get(part_of(test), 1.0) for test in tests}
        self._left = Counter(map(part_of, tests))
        self._by_part: defaultdict[str, list[float]] = defaultdict(list)
        self._write, self._clock = write, clock
        self._began = self._written = clock()

    def over(self, test: str, seconds: float) -> None:
        """Note that a test is over and took so long."""
        part = part_of(test)
        self.seconds[test] = seconds
        self._by_part[part].append(seconds)
        self._left[part] -= 1
        if self._left[part] == 0:
            took = self._by_part[part]
            self._line(f"{part}: {len(took):,} {'test' if len(took) == 1 else 'tests'}, {sum(took):.0f} s")
        elif self._clock() - self._written >= EVERY:
            self._line("…")

    def failed(self, test: str) -> None:
        """Say at once that a test failed."""
        self._write(f"FAILED {test}")

    def left(self) -> float | None:
        """Return the seconds that are left if the rest goes as what is over went; None while too little is."""
        whole = sum(self._expected.values())
        done = sum(self._expected.get(test, 0.0) for test in self.seconds)
        if done < FEW * whole:
            return None
        return (self._clock() - self._began) * (whole - done) / done

    def _line(self, what: str) -> None:
        self._written = self._clock()
        left = self.left()
        end = "" if left is None else f", {_minutes(left).strip()} left"
        gone = _minutes(self._written - self._began)
        self._write(f"{gone}  {what:<40}  {len(self.seconds):,} of {len(self._expected):,} tests{end}")


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:3}:{rest:02}"


class Parts:
    """The plugin, where the results come together: in the process that was started, not in its workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._progress: Progress | None = None
        self._running: defaultdict[str, float] = defaultdict(float)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Every worker has the same tests."""
        self._begin(ids)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Without workers they are this process's own."""
        if session.items:
            self._begin([item.nodeid for item in session.items])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what its three phases took."""
        if self._progress is None:
            return
        self._running[report.nodeid] += report.duration
        if report.failed:
            self._progress.failed(report.nodeid)
        if report.when == "teardown":
            self._progress.over(report.nodeid, self._running.pop(report.nodeid))

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No dot and no letter: they would stand in the middle of our lines."""
        if hasattr(report, "wasxfail") or report.when not in {"setup", "call", "teardown"}:
            return None
        if report.failed:
            return ("failed" if report.when == "call" else "error"), "", ""
        counts = report.skipped or report.when == "call"
        return (report.outcome if counts else ""), "", ""

    def pytest_sessionfinish(self) -> None:
        """Keep what each test took for the next time."""
        cache = getattr(self._config, "cache", None)
        if cache is not None and self._progress is not None:
            cache.set(KEPT, cache.get(KEPT, {}) | self._progress.seconds)

    def _begin(self, tests: Sequence[str]) -> None:
        if self._progress is None:
            cache = getattr(self._config, "cache", None)
            known = cache.get(KEPT, {}) if cache is not None else {}
            self._progress = Progress(tests, known, self._config.get_terminal_writer().line)
