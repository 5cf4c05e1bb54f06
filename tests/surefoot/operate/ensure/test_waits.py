"""`ensure --wait`: a server that is still starting is waited for, and anything else is said at once."""

import asyncio
import os
import signal
import subprocess
import threading
import time

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from ourschool.project import PROJECT
from surefoot.errors import FailedError
from surefoot.operate.ensure import ensure_current, ensure_current_async
from surefoot.runtime.migrator_lock import MIGRATOR, SPACE
from tests.support.databases import Database, fresh
from tests.support.servers import Server, running
from tests.surefoot.faults.runs import Run


def pg_ctl(server: Server, *words: str) -> None:
    assert server.data is not None
    user = server.data.owner() if os.geteuid() == 0 else None
    command = [str(server.bin / "pg_ctl"), "-D", str(server.data), "-w", "-l", "/dev/null", *words]
    subprocess.run(command, user=user, cwd="/", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_a_server_that_starts_later_is_waited_for() -> None:
    with running(18) as server, fresh(server) as here:
        here.alembic("upgrade", "head")
        pg_ctl(server, "-m", "fast", "stop")
        run = Run(here, "ensure", "--wait", "120", program="ourschool")
        run.says("Waiting: No PostgreSQL answers at")
        pg_ctl(server, "start")
        assert "The database is current at" in run.ends(0)


def test_one_of_several_servers_that_starts_later_is_waited_for() -> None:
    with running(18) as server, fresh(server) as here:
        here.alembic("upgrade", "head")
        with server.connect() as admin:
            admin.execute("alter role postgres password 'known'")
        pg_ctl(server, "-m", "fast", "stop")
        url = f"postgresql://postgres:known@127.0.0.1:1,127.0.0.1:{server.port}/{here.url.database}"
        waiting = Run(here, "ensure", "--wait", "120", program="ourschool", env={"DATABASE_URL": url})
        waiting.says("Waiting: No PostgreSQL answers at")
        pg_ctl(server, "start")
        waiting.ends(0)


def test_without_it_the_first_answer_counts(scratch: Database) -> None:
    absent = Database(scratch.server, scratch.url.set(port=1, host="127.0.0.1", query={}))
    assert "No PostgreSQL answers at 127.0.0.1:1." in Run(absent, "ensure", program="ourschool").ends(4)
    said = Run(absent, "ensure", "--wait", "2", program="ourschool").ends(4)
    assert "Waiting: No PostgreSQL answers at 127.0.0.1:1. For another 2 s." in said


def test_what_time_does_not_mend_is_not_waited_for(scratch: Database) -> None:
    began = time.monotonic()
    nobody = Database(scratch.server, scratch.url.set(database="nobody_made_this"))
    said = Run(nobody, "ensure", "--wait", "600", program="ourschool").ends(4)
    assert "There is no database" in said
    assert time.monotonic() - began < 300


@pytest.mark.parametrize("kind", ["engine", "autocommit", "async"])
def test_a_table_of_revisions_that_somebody_holds_is_not_waited_for_without_end(at_head: Database, kind: str) -> None:
    level = "AUTOCOMMIT" if kind == "autocommit" else "READ COMMITTED"
    engine = sa.create_engine(at_head.url, poolclass=sa.NullPool, isolation_level=level)
    with at_head.connect() as other:
        other.execute("lock table alembic_version")
        ends = threading.Timer(8, other.rollback)
        ends.start()
        try:
            with pytest.raises(FailedError, match=r"Somebody holds what a statement in .* needs") as refused:
                asyncio.run(_ensure_inside(at_head)) if kind == "async" else ensure_current(engine, PROJECT)
        finally:
            ends.cancel()
            ends.join()
    assert "pg_prepared_xacts" in str(refused.value)
    assert ensure_current(at_head.engine(), PROJECT).pending == ()


async def _ensure_inside(database: Database) -> None:
    async with create_async_engine(database.url, poolclass=sa.NullPool).connect() as connection:
        await ensure_current_async(connection, PROJECT)


def test_ctrl_c_while_a_server_is_waited_for_is_a_sentence(scratch: Database) -> None:
    absent = Database(scratch.server, scratch.url.set(port=1, host="127.0.0.1", query={}))
    run = Run(absent, "ensure", "--wait", "60", program="ourschool")
    run.says("Waiting: No PostgreSQL answers at")
    run.process.send_signal(signal.SIGINT)
    said = run.ends(130)
    assert "ourschool: Interrupted while no revision was running." in said
    assert "Traceback" not in said


def test_ctrl_c_while_another_migrator_is_waited_for_is_a_sentence(at_head: Database) -> None:
    at_head.alembic("downgrade", "-1")
    with at_head.connect() as other:
        other.execute("select pg_advisory_lock(%s, %s)", (SPACE, MIGRATOR))
        for program, words, status in (("alembic", ("upgrade", "head"), 4), ("ourschool", ("ensure",), 130)):
            run = Run(at_head, *words, program=program)
            run.says("Waiting: another migration of this database runs")
            run.process.send_signal(signal.SIGINT)
            said = run.ends(status)
            assert "ourschool: Interrupted while no revision was running." in said
            assert "KeyboardInterrupt" not in said
