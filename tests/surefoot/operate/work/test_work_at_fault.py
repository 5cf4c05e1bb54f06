"""The queue and its worker under faults: killed at any moment, two at once, beside an upgrade, dumped half done."""

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
from tests.support.servers import running
from tests.support.servers.standby import following
from tests.support.stalls import Stalls
from tests.support.typed import ourschool
from tests.surefoot.faults.runs import Run, holding
from tests.surefoot.online.harness import wait_until, write
from tests.surefoot.online.runner import Runner
from tests.surefoot.operate.work.leaving import BACKFILL, DEFAULTS, INDEX, SLOW, chain, is_built, queue, unfilled

BUILDS = "select from pg_stat_activity where wait_event_type = 'Lock' and query like 'CREATE INDEX%'"
HALF_DONE = "select from migration_queue where rows_done between 500 and 15000 and name = 't.c'"


@pytest.fixture
def slow(scratch: Database, project: Path) -> Database:
    """A database in which t.c and its index are queued, and the backfill lasts for a while."""
    chain(scratch, project, rows=20_000)
    scratch.alembic("upgrade", "head", cwd=project)
    scratch.execute(*SLOW)
    return scratch


def work(database: Database, project: Path, *options: str, env: dict[str, str] | None = None) -> Run:
    return Run(database, "work", *options, program="ourschool", cwd=project, env=env)


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


def test_two_workers_at_once(slow: Database, project: Path) -> None:
    run = work(slow, project)
    run.reaches(lambda: slow.rows(HALF_DONE), "some rows")
    second = ourschool(slow, "work", cwd=project, status=4)
    assert "Another worker is at work in this database: pid" in second.stderr
    assert "; at work: pid" in ourschool(slow, "status", cwd=project).stdout
    waiting = work(slow, project, "--loop")
    waiting.says("Another worker is at work")
    run.kill()
    slow.execute("drop trigger slowly on t")
    wait_until(slow, "select from migration_queue having bool_and(state = 'done')")
    waiting.process.send_signal(signal.SIGINT)
    waiting.ends(130)
    assert unfilled(slow) == 0


def test_an_upgrade_beside_a_worker_does_not_wait_for_its_end(slow: Database, project: Path) -> None:
    write(project, "three", "two", "op.add_column('t', sa.Column('d', sa.Text()))")
    run = work(slow, project)
    run.reaches(lambda: slow.rows(HALF_DONE), "some rows")
    slow.alembic("upgrade", "head", cwd=project)
    assert run.process.poll() is None
    assert unfilled(slow) != 0
    slow.execute("drop trigger slowly on t")
    run.ends()
    assert (unfilled(slow), is_built(slow)) == (0, True)


def test_a_downgrade_beside_a_worker_takes_its_work_away(slow: Database, project: Path) -> None:
    run = work(slow, project)
    run.reaches(lambda: slow.rows(HALF_DONE), "some rows")
    slow.alembic("downgrade", "one", cwd=project)
    assert "t.c is left for now: a downgrade has taken it out of the queue." in run.ends()
    assert queue(slow) == []


def test_a_pause_reaches_a_worker(slow: Database, project: Path) -> None:
    run = work(slow, project)
    run.reaches(lambda: slow.rows(HALF_DONE), "some rows")
    ourschool(slow, "work", "--pause", "t.c", cwd=project)
    said = run.ends()
    assert "t.c is left for now: it is paused." in said
    assert "Nothing to do but what is paused: t.c." in said
    assert slow.rows(HALF_DONE)
    assert is_built(slow)


def test_whoever_waits_for_a_batch_makes_the_next_ones_smaller(slow: Database, project: Path) -> None:
    run = work(slow, project)
    run.reaches(lambda: slow.rows(HALF_DONE), "some rows")
    with slow.connect(autocommit=True) as user:
        while "sessions waited for a batch" not in run.said:
            assert run.process.poll() is None, run.said
            user.execute("update t set n = 1 where id = (select min(id) from t where c is null)")
    run.kill()


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


def test_an_owner_who_is_no_superuser(scratch: Database, project: Path) -> None:
    scratch.execute(
        "create role keeper login",
        f"alter database {scratch.url.database} owner to keeper",
        "alter schema public owner to keeper",
    )
    try:
        owner = Database(scratch.server, scratch.url.set(username="keeper"))
        chain(owner, project)
        owner.alembic("upgrade", "head", cwd=project)
        ourschool(owner, "work", "--pause", "t.c", cwd=project)
        ourschool(owner, "work", "--continue", "t.c", cwd=project)
        ourschool(owner, "work", cwd=project)
        assert (unfilled(scratch), is_built(scratch)) == (0, True)
        assert (
            scratch.value("select relowner::regrole::text from pg_class where relname = 'migration_queue'") == "keeper"
        )
    finally:
        with scratch.server.connect() as admin:
            admin.execute(f"drop database {scratch.url.database} with (force)".encode())
            admin.execute("drop role keeper")


def test_a_superuser_works_as_the_owner_of_the_tables(scratch: Database, project: Path) -> None:
    scratch.execute(
        "create role keeper2",
        "grant all on schema public to keeper2",
        f"grant create on database {scratch.url.database} to keeper2",
    )
    try:
        chain(scratch, project, DEFAULTS, BACKFILL)
        scratch.execute(
            "alter table t owner to keeper2",
            "alter table alembic_version owner to keeper2",
            "alter table migration_journal owner to keeper2",
        )
        scratch.alembic("upgrade", "head", cwd=project)
        scratch.execute(
            "create function who() returns trigger language plpgsql as $$ begin "
            "if current_user <> 'keeper2' then raise 'by %', current_user; end if; return new; end $$",
            "create trigger who before update on t for each row execute function who()",
        )
        ourschool(scratch, "work", cwd=project)
        assert unfilled(scratch) == 0
    finally:
        with scratch.server.connect() as admin:
            admin.execute(f"drop database {scratch.url.database} with (force)".encode())
            admin.execute("drop role keeper2")


def test_it_waits_for_a_standby_that_lags(project: Path) -> None:
    with (
        running(18, "wal_level = replica") as server,
        following(server, "slowpoke") as standby,
        fresh(server) as database,
    ):
        chain(database, project, rows=20_000)
        database.alembic("upgrade", "head", cwd=project)
        database.execute(*SLOW)
        with standby.connect() as admin:
            admin.execute("select pg_wal_replay_pause()")
        run = work(database, project, "--max-lag", "2")
        run.says("Waiting: replica slowpoke is ")
        before = database.value("select rows_done from migration_queue where name = 't.c'")
        time.sleep(2)
        assert database.value("select rows_done from migration_queue where name = 't.c'") == before
        assert before != 20_000
        database.execute("drop trigger slowly on t")
        with standby.connect() as admin:
            admin.execute("select pg_wal_replay_resume()")
        run.ends()
        assert (unfilled(database), is_built(database)) == (0, True)


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


def test_a_loop_does_what_a_later_upgrade_leaves(scratch: Database, project: Path) -> None:
    chain(scratch, project)
    run = work(scratch, project, "--loop")  # what it asks of an empty queue is over in a moment: nobody can wait for it
    scratch.alembic("upgrade", "head", cwd=project)
    wait_until(scratch, "select from migration_queue having bool_and(state = 'done')")
    run.process.send_signal(signal.SIGINT)
    assert "Interrupted. What is done is kept" in run.ends(130)


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
