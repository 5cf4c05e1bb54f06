"""A forked command is what a started one is: its folder, words, variables, streams, exit status and signals."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import forked

SHOWS = """
import json, os, sys
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "cwd": os.getcwd(), "name": __name__, "stdin": sys.stdin.read(),
    "environment": {k: v for k, v in os.environ.items() if k != "TESTS_WHOLE_STARTS"},
    "tests": sorted(name for name in sys.modules if name.partition(".")[0] == "tests"),
    "encodings": [sys.stdout.encoding, sys.stderr.errors], "buffered": sys.stdout.line_buffering,
    "parent": os.getppid(), "session": os.getsid(0) == os.getpid(), "files": sorted(os.listdir("/proc/self/fd"))[:3],
}))
print("on the other one", file=sys.stderr)
sys.exit(7)
"""
WAITS = 'print("here", flush=True); import time; time.sleep(600)'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shows.py").write_text(SHOWS)
    (tmp_path / "waits.py").write_text(WAITS)
    return tmp_path


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")} | {"PGAPPNAME": "a b"}


def test_it_sees_what_a_started_one_sees(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = forked.run("shows", "a", "--b c", cwd=folder, env=environment(), says="yes\n")
    monkeypatch.setenv("TESTS_WHOLE_STARTS", "yes")
    whole = forked.run("shows", "a", "--b c", cwd=folder, env=environment(), says="yes\n")
    assert json.loads(done.stdout) == json.loads(whole.stdout)
    assert json.loads(done.stdout)["parent"] == os.getpid()
    assert (done.returncode, done.stderr, done.args) == (7, "on the other one\n", whole.args)


def test_it_starts_by_itself_where_the_interpreter_must_know(folder: Path) -> None:
    done = forked.run("shows", cwd=folder, env=environment() | {"PYTHONPATH": "/nowhere"})
    assert "/nowhere" in json.loads(done.stdout)["path"]


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_is_told(folder: Path, sent: signal.Signals) -> None:
    pipe = subprocess.PIPE
    with forked.start("waits", cwd=folder, env=environment(), stdout=pipe, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        assert process.poll() is None
        process.send_signal(sent)
        assert process.wait() == -sent


def test_a_session_of_its_own(folder: Path) -> None:
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    env = environment()
    with forked.start("shows", cwd=folder, env=env, stdin=nothing, stdout=pipe, start_new_session=True) as process:
        out, _ = process.communicate()
    assert json.loads(out)["session"]


left: list[subprocess.Popen[str]] = []


def test_one_that_leaves_a_command_running(folder: Path) -> None:
    left.append(forked.start("waits", cwd=folder, env=environment(), stdout=subprocess.PIPE))
    assert left[0].poll() is None


def test_the_next_one_does_not_meet_it() -> None:
    assert [process.returncode for process in left] == [-signal.SIGKILL] * len(left)
