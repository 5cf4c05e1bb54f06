"""The connection is lost in the middle: a sentence, a defined exit status, and the same command goes on."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.ourschool.history.schools import HEAD, STEADY, at, catalogue, counted, journal, make_existing, upgrade
from tests.support.databases import Database, fresh
from tests.support.servers import Server, running
from tests.surefoot.commands.complaints import STOP
from tests.surefoot.faults.runs import Run, advisory_locks, building, holding, invalid, revision, worker

SLOW = "op.execute(\"select pg_sleep(case when to_regclass('slow') is null then 0 else 30 end)\")"


def one_sentence(said: str) -> str:
    """The last thing said: `ourschool: …`, how things are left, its remedy; no traceback."""
    assert "Traceback" not in said
    assert said.count("\nourschool: ") == 1, said
    sentence = said.split("\nourschool: ")[1]
    assert STOP.fullmatch(sentence.strip()), said
    return sentence


def lock_holder(database: Database) -> int:
    return next(int(str(pid)) for pid, lock, granted in advisory_locks(database) if lock == 1 and granted)


@pytest.fixture
def building_an_index(database: Database) -> Database:
    make_existing(database)
    upgrade(database, "e92f60ab7d31")
    return database


def test_the_workers_connection_inside_an_index_build(building_an_index: Database) -> None:
    database, rows = building_an_index, counted(building_an_index, STEADY)
    with holding(database, "lock table student_assignments in row exclusive mode"):
        run = Run(database, "upgrade", "head")
        pid = run.reaches(lambda: building(database), "an index build")
        database.execute(f"select pg_terminate_backend({pid})")
        said = one_sentence(run.ends(4))
    assert "upgrade 4ad87c1e95b0 failed. The server ended the connection" in said
    assert "\nYour data: The database is at revision e92f60ab7d31 (" in said
    assert " Revision 4ad87c1e95b0 was not finished. What it has done is kept" in said
    assert len(invalid(database)) == 1
    assert journal(database, "failed") == [("upgrade", "4ad87c1e95b0")]

    database.alembic("upgrade", "head")
    assert (at(database), invalid(database), counted(database, STEADY)) == ([HEAD], [], rows)
    with fresh(database.server) as empty:
        empty.alembic("upgrade", "head")
        assert catalogue(database) == catalogue(empty)


def test_the_locks_connection(building_an_index: Database) -> None:
    """The work goes on undisturbed, and still nobody else begins: the worker holds a lock of its own."""
    database = building_an_index
    with holding(database, "lock table student_assignments in row exclusive mode") as other:
        run = Run(database, "upgrade", "head")
        run.reaches(lambda: building(database), "an index build")
        database.execute(f"select pg_terminate_backend({lock_holder(database)})")
        late = Run(database, "upgrade", "head", env={"OURSCHOOL_MIGRATOR_DEADLINE": "1"})
        assert f"pid {worker(database)} " in one_sentence(late.ends(4))
        other.rollback()
        said = run.ends(0)
    assert "The connection that held the migration lock was lost on the way." in said
    assert (at(database), advisory_locks(database)) == ([HEAD], [])


def test_both_connections(scratch: Database) -> None:
    make_existing(scratch)
    upgrade(scratch, "e92f60ab7d31")
    with holding(scratch, "lock table student_assignments in row exclusive mode"):
        run = Run(scratch, "upgrade", "head")
        run.reaches(lambda: building(scratch), "an index build")
        scratch.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'ourschool%'"
        )
        assert "The server ended the connection" in one_sentence(run.ends(4))
    scratch.alembic("upgrade", "head")
    assert at(scratch) == [HEAD]


def test_the_workers_connection_inside_a_transaction(scratch: Database, project: Path) -> None:
    upgrade(scratch, HEAD)
    before = catalogue(scratch)
    revision(project, "slow", HEAD, f'op.add_column("users", sa.Column("x", sa.Text()))\n{SLOW}')
    scratch.execute("create schema elsewhere", "create table elsewhere.slow ()")
    scratch.execute(f"alter database {scratch.url.database} set search_path = public, elsewhere")
    run = Run(scratch, "upgrade", "head", cwd=project)
    run.reaches(
        lambda: scratch.rows("select pid from pg_stat_activity where wait_event = 'PgSleep'"), "the revision sleeps"
    )
    scratch.execute(f"select pg_terminate_backend({worker(scratch)})")
    assert f"Nothing was changed: the database is at revision {HEAD} (" in one_sentence(run.ends(4))
    assert (at(scratch), catalogue(scratch)) == ([HEAD], before)
    scratch.execute("drop table elsewhere.slow")
    scratch.alembic("upgrade", "head", cwd=project)
    assert at(scratch) == ["slow"]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_the_server_is_started_anew(project: Path, mode: str) -> None:
    with running(18) as server, fresh(server) as database:
        make_existing(database)
        rows = counted(database, STEADY)
        revision(project, "slow", HEAD, SLOW)
        database.execute("create table slow ()")
        run = Run(database, "upgrade", "head", cwd=project)
        run.reaches(
            lambda: database.rows("select pid from pg_stat_activity where wait_event = 'PgSleep'"),
            "the revision sleeps",
        )
        restart(server, mode)
        said = one_sentence(run.ends(4))
        assert "slow failed. The " in said
        database.execute("drop table slow")
        assert (at(database), counted(database, STEADY)) == ([HEAD], rows)
        database.alembic("upgrade", "head", cwd=project)
        assert (at(database), counted(database, STEADY)) == (["slow"], rows)
        assert advisory_locks(database) == []


def restart(server: Server, mode: str) -> None:
    assert server.data is not None
    command = [str(server.bin / "pg_ctl"), "-D", str(server.data), "-m", mode, "-w", "-l", "/dev/null", "restart"]
    user = server.data.owner() if os.geteuid() == 0 else None
    subprocess.run(command, user=user, cwd="/", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
