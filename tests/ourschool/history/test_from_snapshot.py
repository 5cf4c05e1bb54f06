"""The snapshot of head: an empty database becomes by it what it becomes by every revision in turn."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from surefoot.environment import from_snapshot
from tests.ourschool.history.schools import CHAIN, HEAD, downgrade, upgrade
from tests.ourschool.history.snapshots import (
    EACH_IN_TURN,
    MARKED,
    REVISION,
    dump,
    is_empty,
    journal,
    rewritten,
    version,
)
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server
from tests.surefoot.faults.runs import Run, advisory_locks, until


@pytest.mark.every_server
def test_both_ends_are_equal_up_and_down(server: Server, database: Database) -> None:
    with fresh(server) as walked:
        walked.alembic(*EACH_IN_TURN, "upgrade", "head")
        said = database.alembic("upgrade", "head").stderr
        assert f"Running snapshot  -> {HEAD}, which stands for {len(CHAIN)} revisions" in said
        assert "Running upgrade" not in said
        assert database.value(MARKED) == len(CHAIN)
        assert walked.value(MARKED) == 0
        assert journal(database) == journal(walked)
        assert dump(database) == dump(walked)
        for each in (database, walked):
            downgrade(each, "base")
        assert dump(database) == dump(walked)
        for each in (database, walked):
            upgrade(each, "head")
        assert dump(database) == dump(walked)


def test_rights_of_an_application_follow(newest: Server, scratch: Database) -> None:
    role = "snapshot_reader"
    scratch.execute(f"create role {role}")
    given = {"OURSCHOOL_APPLICATION_ROLE": role}
    try:
        with fresh(newest) as walked:
            walked.alembic(*EACH_IN_TURN, "upgrade", "head", env=given)
            scratch.alembic("upgrade", "head", env=given)
            assert f"TO {role}" in dump(scratch)
            assert dump(scratch) == dump(walked)
            walked.execute(f"drop owned by {role}")
    finally:
        scratch.execute(f"drop owned by {role}", f"drop role {role}")


def test_on_from_it(scratch: Database, project: Path) -> None:
    file = project / "alembic" / "versions" / "2099_01_01_0000-aaaaaaaaaaaa_pens.py"
    file.write_text(REVISION.format(head=HEAD), "utf-8")
    said = scratch.alembic("upgrade", "head", cwd=project).stderr
    assert f"Running snapshot  -> {HEAD}" in said
    assert f"Running upgrade {HEAD} -> aaaaaaaaaaaa" in said
    assert version(scratch) == "aaaaaaaaaaaa"
    assert scratch.value(MARKED) == len(CHAIN)


def test_by_its_id(newest: Server) -> None:
    for target in (HEAD, HEAD[:6], "heads"):
        with fresh(newest) as each:
            assert "Running snapshot" in each.alembic("upgrade", target).stderr
            assert version(each) == HEAD


def test_several_heads_stay_an_error(scratch: Database, project: Path) -> None:
    for name in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        text = REVISION.format(head=HEAD).replace("aaaaaaaaaaaa", name).replace("pens", name)
        (project / "alembic" / "versions" / f"2099_01_01_0000-{name}_pens.py").write_text(text, "utf-8")
    scratch.alembic("upgrade", "head", cwd=project, status=2)
    assert is_empty(scratch)
    scratch.alembic("upgrade", "heads", cwd=project)
    assert scratch.value(MARKED) == len(CHAIN)


def test_killed_in_the_middle(scratch: Database, project: Path) -> None:
    """Nothing is there then, nobody holds a lock, and the same command does it."""
    rewritten(project, after="SELECT pg_catalog.pg_sleep(60);")
    run = Run(scratch, "upgrade", "head", cwd=project)
    asleep = "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
    run.reaches(lambda: scratch.rows(asleep) or None, "the end of the script")
    run.kill()
    until(lambda: not advisory_locks(scratch) or None, "the killed one's locks")
    assert is_empty(scratch)
    rewritten(project)
    assert "Running snapshot" in scratch.alembic("upgrade", "head", cwd=project).stderr
    assert version(scratch) == HEAD


def test_a_lost_connection_is_said(scratch: Database, project: Path) -> None:
    rewritten(project, after="SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());")
    said = scratch.alembic("upgrade", "head", cwd=project, status=4).stderr
    assert "administrator command" in said
    assert "Traceback" not in said
    assert is_empty(scratch)


def test_two_at_once(scratch: Database) -> None:
    runs = [Run(scratch, "upgrade", "head") for _ in range(2)]
    for run in runs:
        run.ends(0)
    assert sum("Running snapshot" in run.said for run in runs) == 1
    assert scratch.value(MARKED) == len(CHAIN)


def test_in_a_transaction_of_the_caller(scratch: Database) -> None:
    config = Config(str(ROOT / "alembic.ini"))
    with scratch.engine().connect() as connection:
        transaction = connection.begin()
        config.attributes["connection"] = connection
        before = connection.exec_driver_sql("show search_path").scalar()
        command.upgrade(config, "head")
        assert connection.exec_driver_sql("show search_path").scalar() == before
        assert connection.exec_driver_sql("show check_function_bodies").scalar() == "on"
        assert connection.exec_driver_sql(MARKED).scalar() == len(CHAIN)
        transaction.rollback()
    assert is_empty(scratch)


def test_extensions_leave_it_empty(scratch: Database) -> None:
    missing = "select name from pg_available_extensions where installed_version is null order by name limit 3"
    scratch.execute(*(f'create extension "{name}" cascade' for (name,) in scratch.rows(missing)))
    with scratch.engine().connect() as connection:
        assert not connection.execute(from_snapshot.STATE).one().taken
    assert "Running snapshot" in scratch.alembic("upgrade", "head").stderr
