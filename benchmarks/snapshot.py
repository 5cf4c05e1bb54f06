"""Snapshot and difference of the whole database against `alembic check`, both in process, a new connection each."""

import io
import os
import tempfile
from contextlib import redirect_stderr
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from benchmarks import stock_project
from benchmarks.measure import in_turn, show
from ourschool.schema.difference import compare
from ourschool.schema.snapshot import take
from tests.support.databases import fresh
from tests.support.servers import running


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder, running(18) as server, fresh(server) as database:
        database.alembic("upgrade", "head")
        database.execute("drop table migration_journal")  # stock would take it for a table to remove
        os.environ["DATABASE_URL"] = database.url.render_as_string(False)
        config = Config(stock_project.make(Path(folder)) / "alembic.ini", stdout=io.StringIO())
        engine = sa.create_engine(database.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            expected = take(connection)

        def ours() -> None:
            with engine.connect() as connection:
                assert not compare(expected, take(connection))

        def theirs() -> None:
            with redirect_stderr(io.StringIO()):
                command.check(config)

        row = in_turn("the whole database", ours, theirs, rounds=25, bound=0.5)
    show("Snapshot and difference, in process, PostgreSQL 18", "alembic check", [row])
