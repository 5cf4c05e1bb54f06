"""The queue and its worker under faults: killed at any moment, interrupted, dumped half done, without its table."""

import datetime as dt
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot import maintenance_window, settings
from surefoot.cli.work import conclude
from surefoot.errors import FailedError
from surefoot.operate.work import worker
from tests.support.databases import Database, fresh
from tests.support.stalls import Stalls
from tests.support.typed import ourschool
from tests.surefoot.faults.runs import holding
from tests.surefoot.online.harness import wait_until, write
from tests.surefoot.online.runner import Runner
from tests.surefoot.operate.work.leaving import (
    BACKFILL,
    BUILDS,
    DEFAULTS,
    HALF_DONE,
    INDEX,
    chain,
    is_built,
    queue,
    unfilled,
    work,
)


def test_an_upgrade_killed_at_any_statement_leaves_all_of_the_queue_or_nothing(
    scratch: Database, project: Path
) -> None:
    chain(scratch, project)
    at, seen, killed = 0, set(), True
    with Runner(scratch, project) as runner:
        while killed and at < 80:
            at += 3
            killed = runner.alembic("upgrade", "two", kill_at=at).killed
            stamped = scratch.rows("select version_num from alembic_version") == [("two",)]
            assert len(queue(scratch)) == (2 if stamped else 0)
            seen.add(stamped)
            runner.alembic("upgrade", "two", status=0)
            assert queue(scratch) == [("t.c", "queued"), ("ix_t_b", "queued")]
            runner.alembic("downgrade", "one", status=0)
            assert queue(scratch) == []
    assert seen == {True, False}
    assert at > 15


def test_a_worker_that_was_killed_goes_on_where_it_was(slow: Database, project: Path) -> None:
    for _ in range(2):
        run = work(slow, project)
        run.reaches(lambda: slow.rows(HALF_DONE), "some rows")
        assert run.kill() == -signal.SIGKILL
        done = slow.value("select rows_done from migration_queue where name = 't.c'")
        assert done == slow.value("select count(*) from t where c is not null")
        assert " ago: begun, " in ourschool(slow, "status", cwd=project).stdout
    slow.execute("update t set c = null where id = 1")  # behind the last batch
    slow.execute("drop trigger slowly on t")
    ourschool(slow, "work", cwd=project)
    assert (unfilled(slow), is_built(slow)) == (0, True)  # a second pass took row 1
    assert slow.value("select passes from migration_queue where name = 't.c'") == 2


def test_ctrl_c_ends_it_at_once_and_says_what_is_so(slow: Database, project: Path) -> None:
    run = work(slow, project)
    run.reaches(lambda: slow.rows(HALF_DONE), "some rows")
    with Stalls(slow.dsn) as stalls:
        began = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        said = run.ends(130)
        assert time.monotonic() - began < 5 + stalls.allowance
    assert "Interrupted. What is done is kept: python -m ourschool work goes on there." in said
    assert slow.rows(HALF_DONE)
    assert not slow.rows("select from pg_locks where locktype = 'advisory'")


def test_ctrl_c_while_an_index_waits(scratch: Database, project: Path) -> None:
    chain(scratch, project, INDEX)
    scratch.alembic("upgrade", "head", cwd=project)
    with holding(scratch, "update t set b = b where id = 1"):
        run = work(scratch, project)
        wait_until(scratch, BUILDS)
        with Stalls(scratch.dsn) as stalls:
            began = time.monotonic()
            run.process.send_signal(signal.SIGINT)
            run.ends(130)
            assert time.monotonic() - began < 5 + stalls.allowance
    ourschool(scratch, "work", cwd=project)
    assert is_built(scratch)


def test_a_worker_killed_while_it_builds_an_index(scratch: Database, project: Path) -> None:
    """The server goes on building for a client that is gone; the next worker waits for that, and then looks."""
    chain(scratch, project, INDEX)
    scratch.alembic("upgrade", "head", cwd=project)
    with holding(scratch, "update t set b = b where id = 1"):
        run = work(scratch, project)
        wait_until(scratch, BUILDS)
        assert run.kill() == -signal.SIGKILL
    ourschool(scratch, "work", cwd=project)
    assert is_built(scratch)
    assert queue(scratch) == [("ix_t_b", "done")]


def test_a_dump_with_half_a_queue_is_restored_and_gone_on_with(slow: Database, project: Path, tmp_path: Path) -> None:
    run = work(slow, project)
    run.reaches(lambda: slow.rows(HALF_DONE), "some rows")
    run.kill()
    dump = tmp_path / "dump"
    subprocess.run([slow.server.bin / "pg_dump", "-Fc", "-f", dump, slow.dsn], check=True)
    with fresh(slow.server) as other:
        subprocess.run([slow.server.bin / "pg_restore", "-d", other.dsn, dump], check=True)
        assert other.rows(HALF_DONE)
        other.execute("drop trigger slowly on t")
        ourschool(other, "work", cwd=project)
        assert (unfilled(other), is_built(other)) == (0, True)
        assert queue(other) == [("t.c", "done"), ("ix_t_b", "done")]


def test_a_worker_ends_with_its_window(slow: Database, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on when some rows are done: a busy machine may need the night for its start."""
    night = maintenance_window.parse("22:00-05:00")
    hours = {True: dt.datetime(2026, 11, 30, 4, tzinfo=dt.UTC), False: dt.datetime(2026, 11, 30, 6, tzinfo=dt.UTC)}
    monkeypatch.setattr(maintenance_window, "now", lambda: hours[not slow.rows(HALF_DONE)])
    known = settings.load(PROJECT.at(project), database_url=slow.url.render_as_string(False), environ={})
    left = worker.work_off(known, slow.url, worker.Limits(night))
    assert [(each.name, each.state) for each in left] == [("t.c", "working"), ("ix_t_b", "queued")]
    assert slow.rows(HALF_DONE)
    assert not slow.rows("select from pg_stat_activity where application_name = 'ourschool work'")
    with pytest.raises(FailedError, match=r"The window 22:00-05:00 has ended: t\.c, ix_t_b is still to do\."):
        conclude(left, worker.Limits(night))


def test_rows_that_keep_coming_are_told_and_not_filled_for_ever(scratch: Database, project: Path) -> None:
    chain(scratch, project, BACKFILL)
    scratch.alembic("upgrade", "head", cwd=project)
    scratch.execute(
        "create function again() returns trigger language plpgsql as $$ begin "
        "insert into t (id, b) select min(id) - 1, 1 from t; return null; end $$",
        "create trigger again after update on t for each statement execute function again()",
    )
    done = ourschool(scratch, "work", cwd=project, status=1)
    assert "Rows of t still come to match c is null after 3 passes: whoever writes them needs a default" in done.stderr
    scratch.execute("drop trigger again on t")
    ourschool(scratch, "work", "--continue", "t.c", cwd=project)
    ourschool(scratch, "work", cwd=project)
    assert unfilled(scratch) == 0


def test_a_table_that_is_in_use_for_too_long(scratch: Database, project: Path) -> None:
    chain(scratch, project, BACKFILL)
    scratch.alembic("upgrade", "head", cwd=project)
    with holding(scratch, "update t set b = b where id = 1"):
        done = ourschool(scratch, "work", cwd=project, status=4, env={"OURSCHOOL_LOCK_DEADLINE": "1"})
    assert "t.c had to wait too long for a table: it is in use by pid " in done.stderr
    assert "(application payroll, role postgres, idle in transaction since" in done.stderr
    ourschool(scratch, "work", cwd=project)
    assert unfilled(scratch) == 0


def test_what_a_half_done_downgrade_has_in_hand_is_left_alone(scratch: Database, project: Path) -> None:
    chain(scratch, project)
    write(project, "two", "one", f"{DEFAULTS}\n{BACKFILL}\n{INDEX}",
          "op.drop_index_online('ix_t_b', 't')\nop.add_column('t', sa.Column('late', sa.Text()), if_not_exists=True)\n"
          "op.drop_index_online('ix_t_b', 't')\nop.execute('select 1 / (select count(*) from halt)')")  # fmt: skip
    scratch.execute("create table halt ()")
    scratch.alembic("upgrade", "head", cwd=project)
    scratch.alembic("downgrade", "one", cwd=project, status=5)
    done = ourschool(scratch, "work", cwd=project, status=4)
    assert "t.c is left for now: a downgrade of two was begun and not finished." in done.stderr
    assert (unfilled(scratch), len(queue(scratch))) == (3000, 2)
    scratch.execute("insert into halt default values")
    scratch.alembic("downgrade", "one", cwd=project)
    assert queue(scratch) == []


def test_a_table_that_is_gone_is_a_failure_of_that_entry_alone(scratch: Database, project: Path) -> None:
    chain(scratch, project)
    scratch.alembic("upgrade", "head", cwd=project)
    scratch.execute("alter table t drop column c")
    done = ourschool(scratch, "work", cwd=project, status=1)
    assert "t.c of two: Table t has no column 'c'; it has id, b, n, j." in done.stderr
    assert is_built(scratch)


def test_a_backup_with_half_a_queue_is_restored_and_gone_on_with(slow: Database, project: Path, tmp_path: Path) -> None:
    run = work(slow, project)
    run.reaches(lambda: slow.rows(HALF_DONE), "some rows")
    run.kill()
    env = {"OURSCHOOL_BACKUPS": str(tmp_path / "backups")}
    name = f"{slow.url.database}_copy"
    other = Database(slow.server, slow.url.set(database=name))
    try:
        ourschool(slow, "backup", cwd=project, env=env)
        ourschool(slow, "restore", "latest", "--into", name, "--yes", cwd=project, env=env)
        assert other.rows(HALF_DONE)
        other.execute("drop trigger slowly on t")
        ourschool(other, "work", cwd=project)
        assert (unfilled(other), is_built(other)) == (0, True)
    finally:
        with slow.server.connect() as admin:
            admin.execute(f"drop database if exists {name} with (force)".encode())


@pytest.mark.parametrize("loop", [False, True])
def test_a_worker_whose_sessions_the_server_ends(slow: Database, project: Path, *, loop: bool) -> None:
    run = work(slow, project, *(["--loop"] if loop else []))
    run.reaches(lambda: slow.rows(HALF_DONE), "some rows")
    slow.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ourschool work'")
    if loop:
        slow.execute("drop trigger slowly on t")
        wait_until(slow, "select from migration_queue having bool_and(state = 'done')")
        run.process.send_signal(signal.SIGINT)
        run.ends(130)
    else:
        assert "Traceback" not in run.ends(4)
        slow.execute("drop trigger slowly on t")
        ourschool(slow, "work", cwd=project)
    assert (unfilled(slow), is_built(slow)) == (0, True)
