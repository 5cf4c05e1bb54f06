"""`pytest --parts`: a line for each part that is over, the time left from what tests took last time."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.parts import EVERY, Progress, part_of

CONFTEST = """
import pytest
from tests.support.parts import Parts


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Parts(config))
"""
TESTS = """
import pytest


@pytest.mark.parametrize("nth", range(3))
def test_it(nth):
    assert {holds}


@pytest.mark.skip(reason="not today")
def test_skipped():
    pass
"""
ROOT = Path(__file__).parents[2]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_part_is_the_folder_no_deeper_than_two() -> None:
    assert part_of("tests/surefoot/operate/backup/test_round.py::test_x[a/b]") == "surefoot/operate"
    assert part_of("tests/docs/test_docs.py::test_x") == "docs"
    assert part_of("tests/test_x.py::test_x") == "."


def test_a_line_for_a_part_and_for_a_minute_and_the_time_left_as_it_goes() -> None:
    lines: list[str] = []
    clock = Clock()
    tests = ["tests/a/t.py::one", "tests/a/t.py::two", "tests/b/t.py::long", "tests/b/t.py::new"]
    progress = Progress(tests, dict(zip(tests, (10.0, 20.0, 69.0), strict=False)), lines.append, clock)
    assert progress.left() is None
    for test in tests:
        clock.now += EVERY / 2 + 1
        progress.over(test, 5.0)
        progress.failed(test)
    assert [" ".join(line.split()) for line in lines if not line.startswith("FAILED")] == [
        "1:02 a: 2 tests, 10 s 2 of 4 tests, 2:25 left",  # 62 s for 30 of 100
        "2:04 b: 2 tests, 10 s 4 of 4 tests, 0:00 left",
    ]
    assert lines[0] == f"FAILED {tests[0]}"
    assert progress.seconds == dict.fromkeys(tests, 5.0)


def test_no_line_is_torn_with_workers_and_what_it_took_is_kept(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for part, holds in (("one", "True"), ("other", "nth < 2")):
        (tmp_path / "tests" / part).mkdir(parents=True)
        (tmp_path / "tests" / part / f"test_{part}.py").write_text(TESTS.format(holds=holds))
    usual = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "--rootdir", ".", "tests"],
        cwd=tmp_path, env=usual | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.strip() and "nodes" not in line]
    told = lines[: next(number for number, line in enumerate(lines) if line.startswith("==="))]
    assert sorted(re.sub(r"[\d:]+", " ", line.split(",")[0]).split() for line in told) == [
        ["FAILED", "tests/other/test_other.py", "test_it[", "]"], ["one", "tests"], ["other", "tests"],
    ]  # fmt: skip
    assert done.stdout.rstrip().splitlines()[-1].startswith("1 failed, 5 passed, 2 skipped in ")
    kept = (tmp_path / ".pytest_cache" / "v" / "parts" / "seconds").read_text()
    assert kept.count("test_it[") == 6
