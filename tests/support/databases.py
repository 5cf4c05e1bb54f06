"""A database for each test, with SQL and the client programs run on it."""

import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Engine

from surefoot.budgets import Budget
from surefoot.scratch_database import strategy_for
from surefoot.servers import libpq
from tests.support import forked
from tests.support.servers import Server

ROOT = Path(__file__).parents[2]
"""The folder of the project, with alembic.ini."""
UNLIMITED = " ".join(f"{each.name}=off" for each in fields(Budget))
"""The budget of rehearsals, where a test is not about it: on a busy machine everything takes long."""
TIME_ZONE = "America/Chicago"
"""The time zone of every test's database: a revision that trusts the session's zone fails in it."""


@dataclass(frozen=True)
class Database:
    """A database for one test. Commands run in subprocesses, with its URL in their environment."""

    server: Server
    url: URL

    @property
    def dsn(self) -> str:
        return libpq.connection_uri(self.url)

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection:
        return psycopg.connect(self.dsn, autocommit=autocommit)

    def engine(self) -> Engine:
        return sa.create_engine(self.url, poolclass=sa.NullPool)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.connect(autocommit=True) as connection:
            return connection.execute(query).fetchall()

    def value(self, query: str) -> object:
        return self.rows(query)[0][0]

    def execute(self, *statements: str) -> None:
        with self.connect(autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def psql(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run psql of the server's version, which stops at the first error; assert that it succeeds."""
        command = [str(self.server.bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments]
        done = subprocess.run(
            command, input=stdin, env=libpq.process_environment(self.url), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a user whose DATABASE_URL is this database."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "OURSCHOOL_", "DATABASE_URL"))}
        own = {"DATABASE_URL": self.url.render_as_string(False), "OURSCHOOL_BUDGET": UNLIMITED}
        return kept | own | dict(extra or {})

    def start(
        self, *arguments: str, program: str = "alembic", cwd: Path = ROOT, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start `python -m alembic …` in the background, with stdout and stderr in one pipe."""
        return forked.start(
            program, *arguments, cwd=cwd, env=self.environment(env),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def alembic(
        self, *arguments: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None, status: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m alembic …`; assert on its exit status."""
        done = forked.run("alembic", *arguments, cwd=cwd, env=self.environment(env))
        assert done.returncode == status, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


@contextmanager
def fresh(server: Server, *, template: str = "template0", name: str | None = None) -> Iterator[Database]:
    """Create an empty (or cloned) database at America/Chicago; drop it afterwards, and end sessions that are left."""
    name = name or f"t_{uuid.uuid4().hex[:12]}"
    with server.connect() as admin:
        strategy = strategy_for(admin.execute("select current_setting('fsync')").fetchall()[0][0])
        admin.execute(
            sql.SQL("create database {} template {} strategy {}").format(
                sql.Identifier(name), sql.Identifier(template), sql.Literal(strategy)
            )
        )
        admin.execute(sql.SQL("alter database {} set timezone = {}").format(sql.Identifier(name), TIME_ZONE))
    try:
        yield Database(server, server.url.set(database=name))
    finally:
        with server.connect() as admin:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
