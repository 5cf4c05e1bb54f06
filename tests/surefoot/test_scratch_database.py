"""A scratch database is empty, or a copy, beside the configured one; it goes away whatever happens."""

import gc
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from surefoot import database as ours
from surefoot.errors import ConnectFailed
from surefoot.scratch_database import drop_database, scratch_database, scratch_name
from surefoot.servers import temporary_server
from tests.support.databases import Database
from tests.surefoot.faults.runs import until


def names(database: Database) -> set[object]:
    return {name for (name,) in database.rows("select datname from pg_database")}


def values(url: sa.URL, query: str) -> list[object]:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return list(connection.exec_driver_sql(query).scalars())


TABLES = "select relname from pg_class where relnamespace = 'public'::regnamespace"


def test_it_is_empty_beside_the_configured_one_and_goes(database: Database) -> None:
    database.execute("create table pupils (id integer)")
    before = names(database)
    with scratch_database(database.url, purpose="test") as url:
        assert names(database) - before == {url.database}
        assert str(url.database).startswith("ourschool_test_")
        assert values(url, TABLES) == []
        engine = sa.create_engine(url)
        held = engine.connect()  # somebody who is still in it does not keep it
        assert held.exec_driver_sql("select 1").scalar() == 1
    assert names(database) == before
    held.invalidate()
    held.close()
    engine.dispose()


def test_it_goes_after_a_failure(scratch: Database) -> None:
    before = names(scratch)
    with pytest.raises(ZeroDivisionError), scratch_database(scratch.url):
        raise ZeroDivisionError
    assert names(scratch) == before


def test_a_copy_has_what_the_template_has(scratch: Database) -> None:
    scratch.execute("create table pupils as select 7 as id")
    with scratch_database(scratch.url, template=scratch.url.database) as url:
        assert values(url, "select id from pupils") == [7]


def test_the_configured_database_need_not_exist(scratch: Database) -> None:
    with scratch_database(scratch.url.set(database="not_yet")) as url:
        assert values(url, "select 1") == [1]


def test_nobody_there_is_told_without_a_password() -> None:
    with (
        pytest.raises(ConnectFailed) as told,
        scratch_database(ours.parse("postgresql://me:geheim@127.0.0.1:1/school")),
    ):
        pass
    assert "geheim" not in str(told.value)
    assert "127.0.0.1" in told.value.message


def killed(code: str, *arguments: str) -> str:
    """What a Python process says until it sleeps; then it is ended with SIGKILL."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}\n    print(url, flush=True); time.sleep(600)", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline().strip()
    process.kill()
    process.communicate()
    return said


def test_what_a_killed_command_left_goes_with_the_next_and_nothing_else(
    scratch: Database, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
import sys, time
from surefoot import database
from surefoot.scratch_database import drop_database, scratch_database
with scratch_database(database.parse(sys.argv[1])) as made:
    url = made.database"""
    url = scratch.url.update_query_dict({"application_name": "of the operator"})
    with scratch_database(url) as alive, scratch_database(scratch.url.set(database="postgres")) as also_alive:
        left = killed(code, url.render_as_string(hide_password=False))
        somebodys = f"ourschool_scratch_{'0' * 12}"
        scratch.execute(f"create database {somebodys}")
        assert left in names(scratch)

        def swept() -> bool:
            with scratch_database(scratch.url):
                return left not in names(scratch)

        until(swept, "it goes, once the server has seen that its client has gone")
        assert {alive.database, also_alive.database, somebodys} <= names(scratch)
        scratch.execute(f"drop database {somebodys}")
    assert f"Dropped {left}, which a command that was killed had left." in caplog.text
    assert not {alive.database, also_alive.database} & names(scratch)


def test_what_was_killed_before_it_was_marked_goes_by_its_name_and_age(
    scratch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that a person gave is not one of ours, however alike; one that is in use or new may be being made."""
    with monkeypatch.context() as past:
        past.setattr("time.time", lambda: 1_700_000_000)
        left, used, commented = (scratch_name("rehearse") for _ in range(3))
    new, persons = scratch_name("check"), left[:-1] + ("0" if left[-1] != "0" else "1")
    made = (left, used, commented, new, persons)
    try:
        for name in made:
            scratch.execute(f"create database {name}")
        scratch.execute(f"comment on database {commented} is 'mine'")
        with Database(scratch.server, scratch.url.set(database=used)).connect(), scratch_database(scratch.url):
            assert names(scratch) & set(made) == {used, commented, new, persons}
    finally:
        for name in made:
            scratch.execute(f"drop database if exists {name}")


def test_the_server_of_a_killed_process_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = """
import time
from surefoot.servers.temporary_server import temporary_server
if True:
    url = temporary_server()"""
    killed(code)
    (left,) = tmp_path.glob("surefoot-scratch-*")
    pid = int((left / "data" / "postmaster.pid").read_text().partition("\n")[0])
    assert psutil.pid_exists(pid), "the wheel's server outlives who started it, else there is nothing to clear"
    code = """
import pathlib, sys
from surefoot.servers.temporary_server import temporary_server
temporary_server()
print(*(path.name for path in pathlib.Path(sys.argv[1]).glob("surefoot-*")))"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    (own,) = done.stdout.split()
    assert own.startswith("surefoot-scratch-")
    assert own != left.name
    until(lambda: not psutil.pid_exists(pid), "the server ends")
    assert list(tmp_path.glob("surefoot-*")) == []


HOLDER = """
import sys
from pathlib import Path
from surefoot.servers import temporary_server
lock = temporary_server._lock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_look_at_what_others_hold_leaves_no_file_open() -> None:
    folder = Path(tempfile.mkdtemp(prefix=temporary_server.PREFIX)).resolve()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", ResourceWarning)
            assert folder not in temporary_server._abandoned_folders()
            gc.collect()
        other.communicate()
    shutil.rmtree(folder)
    assert [str(each.message) for each in told if str(folder) in str(each.message)] == []


def test_who_is_no_superuser_drops_it_as_soon_as_autovacuum_has_left(scratch: Database) -> None:
    """A superuser's session stands for the worker: WITH (FORCE) may not end it, and without it none is ended."""
    role, copy = f"r_{scratch.url.database}", f"c_{scratch.url.database}"
    scratch.execute(f"create role {role} login createdb", f"create database {copy} owner {role}")
    worker = Database(scratch.server, scratch.url.set(database=copy)).connect()
    tried: list[str] = []
    try:
        with scratch.connect(autocommit=True) as connection:
            connection.execute(f"set session authorization {role}")

            def run(statement: sql.Composable) -> None:
                tried.append(statement.as_string())
                if len(tried) == 3:
                    worker.close()
                try:
                    connection.execute(statement.as_string().encode())
                except psycopg.Error as fault:
                    raise sa.exc.DBAPIError(None, None, fault) from fault

            drop_database(run, scratch.url, copy)
        assert ["force" in each for each in tried[:3]] == [True, False, True]
        assert copy not in names(scratch)
    finally:
        worker.close()
        scratch.execute(f"drop database if exists {copy}", f"drop role {role}")
