"""One migrator at a time: the second waits and says for whom, and gives up at its deadline."""

import re

import pytest

from surefoot.errors import FailedError
from surefoot.runtime.migrator_lock import MIGRATOR, SPACE, WORKER, holder, only_migrator
from tests.ourschool.history.schools import BASELINE, HEAD, at, journal, make_existing
from tests.support.databases import Database, fresh
from tests.surefoot.faults.runs import Run, advisory_locks, holding
from tests.surefoot.roles.people import role


def migrator(database: Database) -> object:
    return next(pid for pid, lock, granted in advisory_locks(database) if lock == 1 and granted)


def test_the_second_waits_and_names_the_first(scratch: Database) -> None:
    make_existing(scratch)
    with holding(scratch, "select count(*) from users") as other:
        first = Run(scratch, "upgrade", "head")
        first.says("Waiting for a lock")
        named = (
            f"another migration of this database runs: pid {migrator(scratch)} (application ourschool migrate, role "
        )
        hasty = Run(scratch, "upgrade", "head", env={"OURSCHOOL_MIGRATOR_DEADLINE": "1"})
        patient = Run(scratch, "upgrade", "head")
        patient.says(f"Waiting: {named}")
        said = hasty.ends(4)
        assert f"ourschool: Gave up after 1 s: {named}" in said
        assert "OURSCHOOL_MIGRATOR_DEADLINE sets how long to wait." in said
        assert re.search(r"role postgres, idle since \d+ s\) since \d+ s\.\n", said)
        assert f"select pg_terminate_backend({migrator(scratch)}); ends it" in said
        assert at(scratch) == [BASELINE]
        other.rollback()
        first.ends(0)
        assert f"Nothing to do: the database is at {HEAD}." in patient.ends(0)
    assert journal(scratch, "failed") == []
    assert advisory_locks(scratch) == []


def test_commands_that_only_read_wait_for_nobody(scratch: Database) -> None:
    make_existing(scratch)
    with holding(scratch, "select count(*) from users") as other:
        first = Run(scratch, "upgrade", "head")
        first.says("Waiting for a lock")
        assert BASELINE in scratch.alembic("current", env={"OURSCHOOL_MIGRATOR_DEADLINE": "0"}).stdout
        assert BASELINE in scratch.alembic("history", "-i", env={"OURSCHOOL_MIGRATOR_DEADLINE": "0"}).stdout
        assert BASELINE in scratch.alembic("show", "current", env={"OURSCHOOL_MIGRATOR_DEADLINE": "0"}).stdout
        other.rollback()
        first.ends(0)


def test_of_a_holder_that_the_role_may_not_see_no_more_is_said_than_is_known(scratch: Database) -> None:
    with role(scratch) as one, scratch.connect() as other, one.here.engine().connect() as connection:
        other.execute("select pg_advisory_lock(%s, %s)", (SPACE, MIGRATOR))
        pid = other.info.backend_pid
        with pytest.raises(FailedError) as gave_up, only_migrator(connection, 0):
            pass
    assert f"runs: pid {pid} (application without a name, role postgres; with pg_read_all_stats" in str(gave_up.value)
    assert "None" not in str(gave_up.value)


@pytest.mark.parametrize("lock", [MIGRATOR, WORKER])
def test_a_large_key_of_an_application_is_another_lock(scratch: Database, lock: int) -> None:
    engine = scratch.engine()
    with scratch.connect() as application, engine.connect() as connection:
        application.execute("select pg_advisory_lock(%s)", ((SPACE << 32) | lock,))
        assert holder(connection, lock) is None
        application.execute("select pg_advisory_lock(%s, %s)", (SPACE, lock))
        assert f"pid {application.info.backend_pid} " in str(holder(connection, lock))


def test_commands_that_only_read_leave_nothing_behind(scratch: Database) -> None:
    for words in (("history",), ("history", "-i"), ("current",), ("heads",), ("show", "head")):
        scratch.alembic(*words)
    assert scratch.rows("select relname from pg_class where relnamespace = 'public'::regnamespace") == []


def test_another_database_of_the_server_is_another_matter(scratch: Database) -> None:
    make_existing(scratch)
    with holding(scratch, "select count(*) from users") as other, fresh(scratch.server) as neighbour:
        first = Run(scratch, "upgrade", "head")
        first.says("Waiting for a lock")
        neighbour.alembic("upgrade", "head", env={"OURSCHOOL_MIGRATOR_DEADLINE": "0"})
        assert at(neighbour) == [HEAD]
        other.rollback()
        first.ends(0)
