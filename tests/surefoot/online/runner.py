"""Alembic commands as processes that start in a blink: a process that has everything imported forks for each.

A command may be told to end itself with SIGKILL just before its nth statement, as a machine does that loses power.
Run as a program it reads a command a line from stdin and answers a line each; `Runner` is the other end of the pipes.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support import forked
from tests.support.databases import ROOT, Database

NEVER = 0


@dataclass(frozen=True)
class Ended:
    """How a command ended: a negative status is the signal that ended it."""

    status: int
    output: str

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL


class Runner:
    """Runs commands on one database and project; a context manager."""

    def __init__(self, database: Database, project: Path, env: Mapping[str, str] | None = None) -> None:
        self._process = forked.start(
            "tests.surefoot.online.runner", str(project), cwd=ROOT, env=database.environment(env),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def __enter__(self) -> "Runner":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def alembic(
        self,
        *arguments: str,
        kill_at: int = NEVER,
        kill_before: str = "",
        late: float = 0.0,
        status: int | None = None,
        on: Database | None = None,
    ) -> Ended:
        """`python -m alembic …`, on another database with `on`; asserts on `status` if given.

        With `kill_at` it is killed just before its statement of that number, counted from when it looked where the
        database stands; with `kill_before` just before the first that has these words in it; with `late` so many
        seconds after that moment, when the server has the statement.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        url = on.url.render_as_string(False) if on is not None else None
        command = {"arguments": arguments, "kill_at": kill_at, "kill_before": kill_before, "late": late, "url": url}
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        ended = Ended(answer["status"], answer["output"])
        assert status is None or ended.status == status, f"exit {ended.status}\n{ended.output}"
        return ended


def serve(project: Path) -> None:
    """Answer each line of stdin; the commands inherit nothing but the imported modules."""
    import alembic.config  # noqa: F401, PLC0415
    import psycopg  # noqa: F401, PLC0415

    import ourschool.models  # noqa: F401, PLC0415
    import surefoot.environment.run  # noqa: PLC0415
    import surefoot.online  # noqa: F401, PLC0415

    os.chdir(project)
    for line in sys.stdin:
        command = json.loads(line)
        with tempfile.TemporaryFile() as output:
            child = os.fork()
            if child == 0:
                _work(command, output.fileno())
            _, how = os.waitpid(child, 0)
            output.seek(0)
            answer = {"status": os.waitstatus_to_exitcode(how), "output": output.read().decode()}
        print(json.dumps(answer), flush=True)


def _work(command: dict[str, Any], output: int) -> None:
    status = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if command["url"]:
            os.environ["DATABASE_URL"] = command["url"]
        if command["kill_at"] or command["kill_before"]:
            _kill_at(command["kill_at"], command["kill_before"], command["late"])
        from alembic.config import main  # noqa: PLC0415

        try:
            main(command["arguments"], prog="alembic")
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _kill_at(nth: int, words: str, late: float) -> None:
    import sqlalchemy as sa  # noqa: PLC0415

    seen = 0

    def before(_: object, __: object, statement: str, *___: object) -> None:
        nonlocal seen
        if threading.current_thread() is threading.main_thread() and (
            seen or "from alembic_version" in statement.lower()
        ):
            seen += 1
            if seen == nth + 1 if nth else words in " ".join(statement.split()):
                if late:
                    threading.Timer(late, os.kill, (os.getpid(), signal.SIGKILL)).start()
                else:
                    os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "before_cursor_execute", before)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
