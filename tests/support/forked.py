"""Commands as processes that start in a blink: a process that has imported everything forks for each.

Imports are most of what a short command costs, and the tests start some thousands. Revisions and env.py each command
reads itself. Run as a program this is the process that forks; `start` and `run` are its other end.
TESTS_WHOLE_STARTS=yes, and any system but Linux, gives each command a new interpreter, as the tests of the documents
always do: these would see a command that relies on what another one imports.
"""

import atexit
import ctypes
import gc
import importlib
import io
import json
import os
import pkgutil
import resource
import runpy
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
READ_AT_THE_START = ("PYTHON", "PSYCOPG", "LC_", "LANG", "LD_", "TZ")
"""How variables begin that an interpreter or a library reads once: with others of them a command starts by itself."""
PR_SET_CHILD_SUBREAPER = 36
"""Of prctl(2): whose parent ends becomes a child of the nearest ancestor that has this set."""
LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
"""What setrlimit(2) limits, and a process hands on to those that it starts."""
PROGRAMS = {"__main__", "testing"}
"""Modules that are run, or that only a pytest imports."""
MESSAGE = 1 << 20
"""Bytes that are enough for a command with its environment."""
STARTED: weakref.WeakSet[subprocess.Popen[str]] = weakref.WeakSet()
"""The commands that were started and that somebody still knows of."""


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(limit) for limit in LIMITS]


USUAL_LIMITS = _limits()
"""Those of the tests. With others a command starts by itself, and so does not hand them on to later ones."""


class _Forked(subprocess.Popen[str]):
    """A Popen whose process the other one has forked; it is a child of this process as any other."""

    def _execute_child(self, args: Sequence[str], *values: Any) -> None:
        (_, _, _, _, cwd, env, _, _, _, *pipes) = values[:15]
        standard = [pipes[0], pipes[3], pipes[5]]
        order = {
            "module": args[2], "arguments": args[3:], "cwd": str(cwd), "environment": env, "own session": values[20],
        }  # fmt: skip
        self.pid = _forker().fork(order, [given if given != -1 else own for own, given in enumerate(standard)])
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]  # not in typeshed, as _execute_child


class _Forker:
    """The other end of the process that forks."""

    def __init__(self) -> None:
        self.environment = _read_at_the_start(os.environ)
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked", str(theirs.fileno())],
            cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
        )  # fmt: skip
        theirs.close()
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl
        atexit.register(self._end)

    def fork(self, order: Mapping[str, object], standard: Sequence[int]) -> int:
        """Have a command started with these as its standard streams, and return its process id."""
        with self._lock:
            # an orphan for a moment, it becomes our child, so that its end is told to us
            self._prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            try:
                socket.send_fds(self._channel, [json.dumps(order).encode()], standard)
                return int(self._channel.recv(MESSAGE))
            finally:
                self._prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)

    def _end(self) -> None:
        self._channel.close()
        self._process.wait()


_made: list[_Forker] = []
_making = threading.Lock()


def _forker() -> _Forker:
    with _making:
        if not _made:
            _made.append(_Forker())
        return _made[0]


def start(module: str, *arguments: str, cwd: Path, env: Mapping[str, str], **streams: Any) -> subprocess.Popen[str]:
    """Start `python -m module arguments`.

    `streams` are stdin, stdout, stderr and start_new_session as subprocess.Popen takes them.
    """
    command = [sys.executable, "-m", module, *arguments]
    made: subprocess.Popen[str]
    forks = sys.platform == "linux" and "TESTS_WHOLE_STARTS" not in os.environ and _limits() == USUAL_LIMITS
    if forks and _read_at_the_start(env) == _forker().environment:
        made = _Forked(command, cwd=cwd, env=dict(env), text=True, **streams)
    else:
        made = subprocess.Popen(command, cwd=cwd, env=dict(env), text=True, **streams)
    STARTED.add(made)
    return made


def end_those_left(before: set[subprocess.Popen[str]]) -> None:
    """End what is not of `before`, with its streams: a test that failed leaves it, and the next ones would meet it."""
    for process in set(STARTED) - before:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def run(
    module: str, *arguments: str, cwd: Path, env: Mapping[str, str], says: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments` to its end with `says` as its stdin; its outputs are kept apart."""
    pipe = subprocess.PIPE
    with start(module, *arguments, cwd=cwd, env=env, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            out, err = process.communicate(says)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _read_at_the_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(READ_AT_THE_START)}


def serve(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork for each order that comes; return in the new process, with the order and its standard streams."""
    while True:
        message, standard, _, _ = socket.recv_fds(channel, MESSAGE, 3)
        if not message:
            sys.exit()
        read, write = os.pipe()
        between = os.fork()
        if between == 0:
            pid = os.fork()
            if pid == 0:
                os.close(read)
                os.close(write)
                return json.loads(message), standard
            os.write(write, str(pid).encode())
            os._exit(0)
        os.waitpid(between, 0)  # only then has the command another parent
        channel.send(os.read(read, 20))
        for each in (read, write, *standard):
            os.close(each)


def import_everything() -> None:
    """Import all modules of both packages, and with them what they need of others."""
    import alembic.config  # noqa: F401, PLC0415
    import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401, PLC0415

    for package in map(importlib.import_module, ("surefoot", "ourschool")):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.rpartition(".")[2] not in PROGRAMS:
                importlib.import_module(module.name)


def main() -> None:
    """Import everything; then, in each fork, be the command that was asked for until the interpreter ends."""
    import_everything()
    gc.freeze()
    channel = socket.socket(fileno=int(sys.argv[1]))
    order, standard = serve(channel)
    channel.close()
    for own, given in enumerate(standard):
        os.dup2(given, own)
        os.close(given)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
    if order["own session"]:
        os.setsid()
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    sys.path[0] = str(Path.cwd())
    sys.argv[1:] = order["arguments"]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
