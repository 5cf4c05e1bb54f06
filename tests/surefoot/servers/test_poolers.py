"""Through pgbouncer: session mode works as it comes, the others are refused, and nothing of ours stays in a pool."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import ourschool
from surefoot.errors import RefusedError
from surefoot.runtime.migrator_lock import SPACE
from tests.ourschool.existing.size import Size
from tests.ourschool.history.schools import make_existing
from tests.support.databases import ROOT, Database
from tests.support.servers.pgbouncer import Pgbouncer, needs_pgbouncer, pooled
from tests.support.servers.proxy import proxied
from tests.surefoot.faults.runs import Client, Run, holding
from tests.surefoot.roles.people import own_everything, role

pytestmark = needs_pgbouncer

DROPPED = {"ignore_startup_parameters": "options"}
"""A pool that takes `options` and forgets them."""
SHARING = [(mode, dropped) for mode in ("transaction", "statement") for dropped in ({}, DROPPED)]
LOCKS = f"select pid from pg_locks where locktype = 'advisory' and classid = {SPACE}"
OURS = """
select name, setting, reset_val
  from pg_settings
 where name in ('lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout', 'row_security',
                'client_connection_check_interval', 'search_path', 'datestyle', 'role')
   and setting <> reset_val
"""
COMMANDS = (
    ("ourschool", "status"),
    ("ourschool", "identify"),
    ("ourschool", "adopt"),
    ("ourschool", "ensure"),
    ("ourschool", "ensure", "--wait", "30"),
    ("ourschool", "upgrade", "--yes", "--no-backup"),
    ("ourschool", "rollback", "base", "--yes"),
    ("ourschool", "purge", "--yes"),
    ("ourschool", "backup"),
    ("ourschool", "rehearse"),
    ("ourschool", "check"),
    ("alembic", "upgrade", "head"),
    ("alembic", "downgrade", "base"),
    ("alembic", "stamp", "head"),
    ("alembic", "current"),
)


@contextmanager
def behind(
    database: Database, mode: str, *, assignments: int = 0, **settings: str
) -> Iterator[tuple[Database, Pgbouncer]]:
    """The database as its owner, without any right beyond, sees it through a pooler in that mode.

    With `assignments` it is an existing school with so many, which the owner made.
    """
    with role(database, owns=True) as owner:
        if assignments:
            make_existing(owner.here, Size.of(student_assignments=assignments, attendance_records=50, conflicts=False))
            database.execute("drop table alembic_version")
        own_everything(database, owner)
        with pooled(database.server, mode, owner.name, **settings) as pool:
            url = pool.url(owner.name, str(database.url.database))
            yield replace(database, url=url), pool


def run(here: Database, *words: str, status: int = 0, **env: str) -> str:
    """One command of `ourschool` or `alembic`, its status asserted; returns what it printed."""
    process = here.start(*words[1:], program=words[0], env=env)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == status, said
    return said


def left_behind(here: Database) -> list[tuple[object, ...]]:
    """What a client of the pool finds changed in the session that it gets, and the locks that nobody gave back."""
    with here.connect(autocommit=True) as client:
        return [*client.execute(OURS, prepare=False).fetchall(), *client.execute(LOCKS, prepare=False).fetchall()]


@pytest.mark.parametrize("settings", [{}, DROPPED], ids=["as it comes", "options dropped"])
def test_a_session_pool_takes_a_school_to_head_and_back(
    scratch: Database, tmp_path: Path, settings: dict[str, str]
) -> None:
    with behind(scratch, "session", assignments=200, **settings) as (here, pool):
        run(here, "ourschool", "adopt")
        run(here, "ourschool", "upgrade", "--yes", "--no-backup")
        assert not left_behind(here)
        run(here, "ourschool", "backup", OURSCHOOL_BACKUPS=str(tmp_path))
        run(here, "alembic", "downgrade", "-1")
        run(here, "ourschool", "ensure")
        assert not left_behind(here)
        assert {str(each["pool_mode"]) for each in pool.console("show pools")} >= {"session"}


@pytest.mark.parametrize(("mode", "settings"), SHARING)
def test_a_pool_that_shares_its_sessions_is_refused_by_every_command(
    scratch: Database, mode: str, settings: dict[str, str], tmp_path: Path
) -> None:
    with behind(scratch, mode, assignments=20, **settings) as (here, pool):
        for words in COMMANDS if (mode, settings) == SHARING[0] else COMMANDS[::6]:
            said = run(here, *words, status=3, OURSCHOOL_BACKUPS=str(tmp_path))
            assert f"127.0.0.1:{pool.port} is a pooler in {mode} mode" in said, said
            assert "pool_mode=session" in said
        with pytest.raises(RefusedError, match=f"{mode} mode"):
            ourschool.ensure_current(sa.create_engine(here.url, poolclass=sa.NullPool))
        assert not left_behind(here)
    assert scratch.value("select to_regclass('alembic_version')") is None


def test_at_head_nothing_is_asked_that_a_shared_session_could_not_answer(at_head: Database) -> None:
    with behind(at_head, "transaction") as (here, _):
        assert run(here, "ourschool", "ensure")
        assert not left_behind(here)


@pytest.mark.parametrize("words", [("upgrade", "head"), ("current",)])
def test_at_head_alembic_refuses_a_shared_pool_as_it_does_anywhere(at_head: Database, words: tuple[str, ...]) -> None:
    with behind(at_head, "transaction") as (here, pool):
        said = run(here, "alembic", *words, status=3)
        assert f"127.0.0.1:{pool.port} is a pooler in transaction mode" in said
        assert not left_behind(here)


@pytest.mark.parametrize("in_transaction", [False, True])
def test_an_engine_of_an_application_through_a_shared_pool_is_refused(
    scratch: Database, *, in_transaction: bool
) -> None:
    with behind(scratch, "transaction", default_pool_size="5") as (here, _):
        engine = sa.create_engine(here.url, connect_args={"prepare_threshold": None})
        config = Config(str(ROOT / "alembic.ini"))
        with engine.connect() as connection:
            if in_transaction:
                connection.begin()
                connection.exec_driver_sql("select 1")
            config.attributes["connection"] = connection
            with pytest.raises(RefusedError, match="transaction mode"):
                command.upgrade(config, "head")
        engine.dispose()
        assert not left_behind(here)
    assert scratch.value("select to_regclass('alembic_version')") is None


def test_two_commands_in_one_transaction_of_the_callers_do_not_wait_for_each_other(scratch: Database) -> None:
    with behind(scratch, "session", default_pool_size="5") as (here, _):
        engine = sa.create_engine(here.url, poolclass=sa.NullPool)
        config = Config(str(ROOT / "alembic.ini"))
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "cd0edd614cc5")
            command.downgrade(config, "base")
        assert not left_behind(here)


def test_a_pool_without_a_second_session_says_so(scratch: Database) -> None:
    with behind(scratch, "session", default_pool_size="1") as (here, pool):
        began = time.monotonic()
        said = run(here, "alembic", "upgrade", "head", status=4)
        assert f"The pooler at 127.0.0.1:{pool.port} gave no second session within 10 s." in said
        assert time.monotonic() - began < 60
    assert scratch.value("select to_regclass('alembic_version')") is None


def test_of_two_at_once_one_waits_and_a_killed_one_is_followed(scratch: Database) -> None:
    with behind(scratch, "session", assignments=2000) as (here, _):
        run(here, "alembic", "stamp", "cd0edd614cc5")
        first = here.start("upgrade", "head")
        until = time.monotonic() + 60
        while not scratch.value("select count(*) from migration_journal where outcome = 'done'"):
            assert time.monotonic() < until
            time.sleep(0.05)
        second = here.start("upgrade", "head")
        time.sleep(0.5)
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=60)
        said, _ = second.communicate(timeout=200)
        assert second.returncode == 0, said
        assert not left_behind(here)
        assert "Nothing to do" in run(here, "alembic", "upgrade", "head")


def test_who_gave_way_does_not_wait_for_longer_the_next_time(scratch: Database) -> None:
    """The pool has refused the connection's options: a RESET between two tries would lead to no lock_timeout at all."""
    with behind(scratch, "session", assignments=20) as (here, _):
        run(here, "ourschool", "adopt")
        with holding(scratch, "select count(*) from users"), Client(scratch, "select count(*) from users") as reader:
            waiting = Run(here, "upgrade", "head", env={"OURSCHOOL_LOCK_DEADLINE": "8"})
            waiting.says("Waiting for a lock")
            said = waiting.ends(4)
        assert said.count("Waiting for a lock") > 2
        assert (reader.failed, reader.done > 10) == ([], True)
        assert not left_behind(here)


def test_a_setting_of_the_url_reaches_the_server_through_a_pool_that_refuses_it(scratch: Database) -> None:
    with behind(scratch, "session") as (here, _):
        chosen = here.url.update_query_dict({"options": r"-c work_mem=5MB --search_path=\"a\ b\",public"})
        engine = ourschool_engine(chosen)
        with engine.connect() as connection:
            got = [connection.exec_driver_sql(f"show {name}").scalar() for name in ("work_mem", "search_path")]
        assert got == ["5MB", '"a b",public']


def ourschool_engine(url: sa.URL) -> sa.Engine:
    """An engine of ours, as every command makes one."""
    from surefoot import database  # noqa: PLC0415

    return database.engine_for(url, application_name="ours", options={"lock_timeout": "200"})


def test_a_restore_ends_the_sessions_that_a_pool_keeps_and_leaves_nothing_in_those_it_gets(
    scratch: Database, tmp_path: Path
) -> None:
    name = str(scratch.url.database)
    kept = f"select datname from pg_database where starts_with(datname, '{name}_')"
    with role(scratch, "createdb", owns=True) as owner, pooled(scratch.server, "session", owner.name) as pool:
        here = replace(scratch, url=pool.url(owner.name, name))
        here.execute("create table kept (id int primary key)", "insert into kept values (1)")
        folder = str(tmp_path)
        run(here, "ourschool", "backup", OURSCHOOL_BACKUPS=folder)
        here.execute("insert into kept values (2)")
        try:
            said = " ".join(
                run(here, "ourschool", "restore", "latest", "--yes", status=3, OURSCHOOL_BACKUPS=folder).split()
            )
            assert "or add --disconnect, which ends them, those too that the pooler keeps open for nobody." in said
            run(here, "ourschool", "restore", "latest", "--yes", "--disconnect", OURSCHOOL_BACKUPS=folder)
            assert here.rows("select id from kept") == [(1,)]
            run(here, "ourschool", "restore", "latest", "--yes", "--in-place", "--disconnect", OURSCHOOL_BACKUPS=folder)
            assert not left_behind(here)
            assert here.rows("select id from kept") == [(1,)]
        finally:
            for (old,) in scratch.rows(kept):
                scratch.execute(f'drop database "{old}" with (force)')


def test_a_pooler_that_has_lost_its_server_is_said_and_waited_for(scratch: Database) -> None:
    """What pgbouncer sends is no refused statement; --wait waits for it as for a server that is starting."""
    scratch.alembic("upgrade", "head")
    with (
        proxied(scratch.server.port) as proxy,
        pooled(
            replace(scratch.server, port=proxy.port), "session", server_login_retry="1", query_wait_timeout="2"
        ) as pool,
    ):
        proxy.swallow()
        here = replace(scratch, url=pool.url("postgres", str(scratch.url.database)))
        said = here.alembic("current", status=4).stderr
        assert f"The pooler at 127.0.0.1:{pool.port} has no session of its server for us." in said
        assert said.count("ourschool: ") == 1
        waiting = here.start("ensure", "--wait", "60", program="ourschool")
        time.sleep(3)
        assert waiting.poll() is None
        proxy.recover()
        told, _ = waiting.communicate(timeout=60)
        assert waiting.returncode == 0, told


def test_a_pooler_that_resets_nothing_gets_its_sessions_back_as_they_were(scratch: Database) -> None:
    with behind(scratch, "session", server_reset_query="") as (here, _):
        assert here.rows(OURS) == []
        for words in (("alembic", "upgrade", "head"), ("ourschool", "status"), ("alembic", "downgrade", "-1")):
            run(here, *words)
        with ExitStack() as all_at_once:
            clients = [all_at_once.enter_context(here.connect(autocommit=True)) for _ in range(5)]
            assert [client.execute(OURS.encode()).fetchall() for client in clients] == [[]] * 5
        assert scratch.rows(LOCKS) == []
