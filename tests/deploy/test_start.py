"""deploy/start: the server runs where the database is at head, else not; signals and exit statuses go through."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import sql

from surefoot.runtime.migrator_lock import MIGRATOR, SPACE
from tests.ourschool.history.schools import at, journal
from tests.support.databases import ROOT, Database
from tests.surefoot.commands.revisions import CHAIN, HEAD, write
from tests.surefoot.faults.runs import until

START = ROOT / "deploy" / "start"
SERVER = """\
import os, pathlib, psycopg, signal, sys

def stop(*_):
    print("the server was told to stop", flush=True)
    sys.exit(42)

signal.signal(signal.SIGTERM, stop)
with psycopg.connect(os.environ["DATABASE_URL"].replace("+psycopg", "")) as connection:
    (found,) = connection.execute("select version_num from alembic_version").fetchone()
print(f"the server runs as {os.getpid()} with {sys.argv[1:]} at {found}", flush=True)
if sys.argv[1:] == ["stay"]:
    signal.pause()
"""
"""Says at which revision it was started, then ends, or stays until it is told to stop."""


@pytest.fixture
def server(tmp_path: Path) -> Path:
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return path


def environment(database: Database, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a host gives: the database, and the environment of the installed package in PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return database.environment({"PATH": path, **(extra or {})})


def begin(
    database: Database, *command: object, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(START), *map(str, command)],
        cwd=cwd, env=environment(database, env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def started(
    database: Database, *command: object, status: int, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Both outputs of a start that came to its end with that status."""
    process = begin(database, *command, cwd=cwd, env=env)
    told = process.communicate(timeout=120)
    assert process.returncode == status, told
    assert "Traceback" not in told[1]
    return told


@contextmanager
def somebody_migrates(database: Database) -> Iterator[None]:
    """Another session that has the migrators' lock."""
    with database.connect(autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s, %s)", [SPACE, MIGRATOR])
        yield


@pytest.mark.promise("E7", "A7")
def test_four_starts_at_once_migrate_once_and_four_servers_run(scratch: Database, server: Path) -> None:
    starting = [begin(scratch, sys.executable, server, "a b", number) for number in range(4)]
    for number, process in enumerate(starting):
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out == f"the server runs as {process.pid} with ['a b', '{number}'] at {HEAD}\n", "exec, and quoted right"
        assert "The database is current at" in err
    assert journal(scratch) == [("upgrade", revision) for revision in CHAIN]
    assert journal(scratch, "failed") == []


@pytest.mark.promise("E7")
def test_a_stop_reaches_the_server(at_head: Database, server: Path) -> None:
    process = begin(at_head, sys.executable, server, "stay")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"the server runs as {process.pid} ")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert (out, process.returncode) == ("the server was told to stop\n", 42)


@pytest.mark.promise("E7")
def test_a_stop_during_the_migration_stops_it_and_no_server_starts(scratch: Database, server: Path) -> None:
    with somebody_migrates(scratch):
        process = begin(scratch, sys.executable, server)
        assert process.stderr is not None
        for line in process.stderr:
            if "another migration" in line:
                break
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert (out, process.returncode) == ("", 143)
        assert err.endswith("start again, and the migration goes on.\n")
        until(lambda: sessions(scratch) == 1, "the migration to have ended with it")
    assert scratch.value("select to_regclass('alembic_version')") is None


def sessions(database: Database) -> object:
    """Who is connected beside the one that asks: the holder of the lock, and what is left of a migration."""
    return database.value(
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )


@pytest.mark.promise("E7", "T10", "O11")
def test_a_revision_that_fails_keeps_the_server_from_starting(at_head: Database, project: Path, server: Path) -> None:
    shutil.copytree(ROOT / "src", project / "src", ignore=shutil.ignore_patterns("__pycache__"))
    write(project, "broken", upgrade='op.execute("create table half (id integer)")\nop.execute("select 1 / 0")')
    out, err = started(at_head, sys.executable, server, status=4, cwd=project, env={"PYTHONPATH": str(project / "src")})
    assert out == ""
    assert "upgrade broken failed" in err
    assert "division by zero" in err
    assert at(at_head) == [HEAD]
    assert at_head.value("select to_regclass('half')") is None


UNREACHABLE = {
    "nobody answers": ("postgresql://school:hunter2@127.0.0.1:1/school", "No PostgreSQL answers"),
    "wrong password": (None, "or its password"),
    "no database": ("", "DATABASE_URL is not set"),
    "another dialect": ("mysql://school:hunter2@127.0.0.1/school", "PostgreSQL only"),
}


@pytest.mark.promise("E7", "O5")
@pytest.mark.parametrize("case", UNREACHABLE)
def test_a_database_that_cannot_be_had_keeps_the_server_from_starting(
    scratch: Database, server: Path, tmp_path: Path, case: str
) -> None:
    url, says = UNREACHABLE[case]
    if url is None:
        url = scratch.server.over_tcp("postgres", "hunter2", "postgres").render_as_string(False)
    status = 2 if case in {"no database", "another dialect"} else 4
    out, err = started(scratch, sys.executable, server, status=status, cwd=tmp_path, env={"DATABASE_URL": url})
    assert out == ""
    assert says in err
    assert "hunter2" not in err


@pytest.mark.promise("E7", "O5")
def test_a_right_password_is_not_shown(at_head: Database, server: Path) -> None:
    role = sql.Identifier(f"s_{at_head.url.database}")
    with at_head.server.connect() as admin:
        admin.execute(sql.SQL("create role {} superuser login password 'hunter2'").format(role))
        url = at_head.server.over_tcp(role._obj[0], "hunter2", str(at_head.url.database))
        try:
            told = started(at_head, sys.executable, server, status=0, env={"DATABASE_URL": url.render_as_string(False)})
        finally:
            admin.execute(sql.SQL("drop role {}").format(role))
    assert "the server runs" in told[0]
    assert "hunter2" not in "".join(told)


def test_without_a_server_it_says_how_it_is_used(scratch: Database) -> None:
    _, err = started(scratch, status=2)
    assert "Usage: deploy/start COMMAND" in err
    assert scratch.value("select to_regclass('alembic_version')") is None, "nothing was migrated"


def test_a_server_that_is_not_there_is_the_shell_s_complaint(at_head: Database) -> None:
    _, err = started(at_head, "no-such-server", status=127)
    assert textwrap.shorten(err, 500).endswith("no-such-server: not found")
