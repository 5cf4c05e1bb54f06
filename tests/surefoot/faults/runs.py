"""An upgrade in the background whose output can be waited for, sessions in its way, and those who must not notice."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import psycopg

from tests.support.databases import ROOT, Database
from tests.support.stalls import Stalls

PATIENCE = 600
"""Seconds until a test that waits for something gives up."""

T = TypeVar("T")


def until(true: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
    """Wait until `true()` is, and return what it found."""
    deadline = time.monotonic() + patience
    while not (found := true()):
        assert time.monotonic() < deadline, f"waited {patience} s in vain: {what}"
        time.sleep(0.02)
    return found


class Run:
    """`python -m alembic …` in the background; `said` is what it has written so far, on both outputs."""

    def __init__(
        self,
        database: Database,
        *arguments: str,
        program: str = "alembic",
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.process: subprocess.Popen[str] = database.start(*arguments, program=program, cwd=cwd, env=env)
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        return "".join(self._lines)

    def says(self, text: str) -> None:
        """Wait for `text` in the output."""

        self.reaches(lambda: text in self.said, f"{text!r} in the output")

    def reaches(self, true: Callable[[], T | None], what: str) -> T:
        """Wait until `true()` is, as long as the run lasts, and return what it found."""

        def there() -> T | None:
            ended = self.process.poll() is not None
            found = true()
            assert found or not ended, f"ended without {what}:\n{self.said}"
            return found

        return until(there, what)

    def ends(self, status: int | None = 0) -> str:
        """Wait for the end, assert on the exit status, and return all that it said."""
        self.process.wait(PATIENCE)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert status is None or self.process.returncode == status, f"exit {self.process.returncode}:\n{self.said}"
        return self.said

    def kill(self) -> int:
        """kill -9; its exit status, which is 0 where it was faster."""
        self.process.send_signal(signal.SIGKILL)
        self.ends(None)
        return self.process.returncode

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)


@contextmanager
def holding(database: Database, *statements: str, name: str = "payroll") -> Iterator[psycopg.Connection]:
    """Another session, called `name`, with an open transaction in which it ran `statements`."""
    with database.connect() as connection:
        connection.execute(f"set application_name = '{name}'".encode())
        connection.commit()
        for statement in statements:
            connection.execute(statement.encode())
        yield connection
        connection.rollback()


class Client:
    """A user of the school while somebody migrates: repeats queries and notes how long one took, and what failed."""

    def __init__(self, database: Database, *queries: str) -> None:
        self.longest = 0.0
        self.when = ""
        """The time of day at which the longest one ended."""
        self.done = 0
        self.failed: list[str] = []
        self._database, self._queries, self._over = database, cycle(queries), threading.Event()
        self.stalls = Stalls(database.dsn)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Client":
        self.stalls.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.stalls.__exit__(None, None, None)

    def _run(self) -> None:
        with self._database.connect(autocommit=True) as connection:
            while not self._over.is_set():
                started = time.monotonic()
                try:
                    connection.execute(next(self._queries).encode())
                    self.done += 1
                except psycopg.Error as fault:
                    self.failed.append(str(fault))
                took = time.monotonic() - started
                if took > self.longest:
                    self.longest, self.when = took, time.strftime("%H:%M:%S")
                time.sleep(0.01)


def advisory_locks(database: Database) -> list[tuple[object, ...]]:
    """Who holds or waits for which advisory lock of this database."""
    return database.rows("""
        select pid, objid, granted
          from pg_locks
         where locktype = 'advisory'
           and database = (select oid from pg_database where datname = current_database())
    """)


def worker(database: Database) -> int | None:
    """The server process that runs the revisions, by the lock that it holds."""
    return next((int(str(pid)) for pid, lock, granted in advisory_locks(database) if lock == 2 and granted), None)


def building(database: Database, table: str = "student_assignments") -> int | None:
    """The server process that waits inside CREATE INDEX CONCURRENTLY on that table."""
    found = database.rows(f"""
        select pid
          from pg_stat_activity
         where datname = current_database()
           and query ilike 'create index concurrently%on {table}%'
           and wait_event_type = 'Lock'
    """)
    return int(str(found[0][0])) if found else None


def invalid(database: Database) -> list[object]:
    """The indexes that a build left INVALID."""
    return [name for (name,) in database.rows("select indexrelid::regclass::text from pg_index where not indisvalid")]


def revision(project: Path, name: str, after: str, up: str, down: str = "pass") -> Path:
    """Write a revision into that copy of the project; `up` and `down` are the bodies of its functions."""
    indented = {key: "\n    ".join(body.strip().splitlines()) for key, body in (("up", up), ("down", down))}
    file = project / "alembic" / "versions" / f"2099_01_01_0000-{name}_test.py"
    file.write_text(f'''"""test {name}"""

import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = "{after}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    {indented["up"]}


def downgrade() -> None:
    {indented["down"]}
''')
    return file
