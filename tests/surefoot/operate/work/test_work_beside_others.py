"""A worker beside others: another one, upgrades and downgrades, users, a standby, an owner who is somebody else."""

import signal
import time
from pathlib import Path

from tests.support.databases import Database, fresh
from tests.support.servers import running
from tests.support.servers.standby import following
from tests.support.typed import ourschool
from tests.surefoot.online.harness import wait_until, write
from tests.surefoot.operate.work.leaving import (
    BACKFILL,
    DEFAULTS,
    HALF_DONE,
    SLOW,
    chain,
    is_built,
    queue,
    unfilled,
    work,
)


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


def test_a_loop_does_what_a_later_upgrade_leaves(scratch: Database, project: Path) -> None:
    chain(scratch, project)
    run = work(scratch, project, "--loop")  # what it asks of an empty queue is over in a moment: nobody can wait for it
    scratch.alembic("upgrade", "head", cwd=project)
    wait_until(scratch, "select from migration_queue having bool_and(state = 'done')")
    run.process.send_signal(signal.SIGINT)
    assert "Interrupted. What is done is kept" in run.ends(130)
