"""A database for one test, as the pytest plugin makes and drops it, against the two statements alone."""

import uuid

from psycopg import sql

from benchmarks.measure import Comparison, in_turn, show
from surefoot.scratch_database import strategy_for
from surefoot.template_clones import TemplateClones
from tests.support.databases import fresh
from tests.support.servers import Server, running

ROUNDS = 30
BOUND = 1.2


def main() -> None:
    """Print the table, on a server that waits for its disk and on one that does not."""
    for fsync in ("off", "on"):
        with running(18, f"fsync = {fsync}") as server:
            show(
                f"One test database at head, made and dropped, PostgreSQL 18, fsync {fsync}",
                "create and drop",
                [_compare(server, fsync)],
            )


def _compare(server: Server, fsync: str) -> Comparison:
    with fresh(server) as database, server.connect() as admin:
        database.alembic("upgrade", "head")
        clones = TemplateClones(database.url)
        template, strategy = sql.Identifier(str(database.url.database)), sql.Literal(strategy_for(fsync))

        def plugin() -> None:
            with clones.clone(f"ourschool_test_{uuid.uuid4().hex[:12]}"):
                pass

        def alone() -> None:
            name = sql.Identifier(f"ourschool_test_{uuid.uuid4().hex[:12]}")
            admin.execute(sql.SQL("create database {} template {} strategy {}").format(name, template, strategy))
            admin.execute(sql.SQL("drop database {}").format(name))

        return in_turn("one database", plugin, alone, rounds=ROUNDS, bound=BOUND)
