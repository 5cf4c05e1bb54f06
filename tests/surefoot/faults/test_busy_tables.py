"""A table that others hold: the upgrade gives way, names them, lets everybody else by, and goes on when it is free."""

from pathlib import Path

import pytest

from tests.ourschool.history.schools import (
    BASELINE,
    CHAIN,
    HEAD,
    STEADY,
    at,
    catalogue,
    counted,
    journal,
    make_existing,
    upgrade,
)
from tests.support.databases import Database
from tests.surefoot.faults.runs import Client, Run, advisory_locks, holding, invalid, revision

LOCK_TIMEOUT = 0.2
SLACK = 1.0

READ = "select count(*) from {table}"
WRITE = "update {table} set id = id where id = (select max(id) from {table})"


def before(revision: str) -> str:
    return CHAIN[CHAIN.index(revision) - 1]


@pytest.mark.promise("O11")
@pytest.mark.parametrize("busy", ["select count(*) from users", "lock table users in share row exclusive mode"])
def test_it_waits_names_who_it_is_and_goes_through_when_freed(database: Database, busy: str) -> None:
    make_existing(database)
    rows = counted(database, STEADY)
    with holding(database, busy, name="payroll run") as other, Client(database, READ.format(table="users")) as reader:
        run = Run(database, "upgrade", "head")
        run.says("Waiting for a lock")
        named = f"a table is in use by pid {other.info.backend_pid} (application payroll run, role postgres, idle in"
        run.says(named)
        seen = run.said.count("Waiting for a lock")
        run.reaches(lambda: run.said.count("Waiting for a lock") > seen, "a second try")
        assert at(database) == [BASELINE]
        other.rollback()
        run.ends(0)
    assert (reader.failed, reader.done > 10) == ([], True)
    assert reader.longest < LOCK_TIMEOUT + SLACK + reader.stalls.allowance
    assert (at(database), counted(database, STEADY), advisory_locks(database)) == ([HEAD], rows, [])
    assert journal(database, "failed") == []


HELD = [
    pytest.param("3f1c9a7d52e4", "select count(*) from users", "users", id="grade_level"),
    pytest.param("8b06d2e94c17", "select count(*) from terms", "terms", id="timestamps"),
    pytest.param("8b06d2e94c17", "select count(*) from users", "attendance_records", id="timestamps-first-of-eleven"),
    pytest.param("c5e7a1f03b68", "select count(*) from users", "grade_history", id="defaults"),
    pytest.param("17d4b8e26fa9", "select count(*) from lessons", "lessons", id="never-null"),
    pytest.param("e92f60ab7d31", "select count(*) from subjects", "subjects", id="indexes-off"),
]


@pytest.mark.promise("O11")
@pytest.mark.parametrize(("stuck", "busy", "table"), HELD)
def test_at_the_deadline_it_gives_up_at_the_last_good_revision(
    scratch: Database, stuck: str, busy: str, table: str
) -> None:
    make_existing(scratch)
    upgrade(scratch, before(stuck))
    stood, rows = catalogue(scratch), counted(scratch, STEADY)
    with (
        holding(scratch, busy) as other,
        Client(scratch, READ.format(table=table)) as reader,
        Client(scratch, WRITE.format(table=table)) as writer,
    ):
        said = Run(scratch, "upgrade", "head", env={"OURSCHOOL_LOCK_DEADLINE": "2"}).ends(4)
        assert f"in use by pid {other.info.backend_pid} (application payroll, role postgres" in said
    assert f"ourschool: Gave up on upgrade {stuck}: others held its table all the time.\n" in said
    assert f"database is at revision {before(stuck)} (" in said
    for client in (reader, writer):
        assert (client.failed, client.done > 10) == ([], True)
        assert client.longest < LOCK_TIMEOUT + SLACK + client.stalls.allowance
    assert (at(scratch), counted(scratch, STEADY), advisory_locks(scratch)) == ([before(stuck)], rows, [])
    assert journal(scratch, "failed") == [("upgrade", stuck)]
    error = scratch.value("select error from migration_journal where outcome = 'failed'")
    assert error == "canceling statement due to lock timeout"
    if stuck not in {"17d4b8e26fa9", "e92f60ab7d31"}:  # these work outside a transaction, and are taken up again
        assert catalogue(scratch) == stood

    scratch.alembic("upgrade", "head")
    assert (at(scratch), counted(scratch, STEADY)) == ([HEAD], rows)


def test_a_reader_of_years_does_not_make_others_queue_behind_an_index_build(scratch: Database) -> None:
    """The build waits long, as it stops nobody; dropping what a build left INVALID would, and gives way at once."""
    make_existing(scratch)
    upgrade(scratch, "e92f60ab7d31")
    with scratch.connect(autocommit=True) as connection, holding(scratch, "lock table terms in row exclusive mode"):
        connection.execute("set lock_timeout = '100ms'")
        with pytest.raises(Exception, match="lock timeout"):
            connection.execute("create index concurrently ix_terms_created_by on terms (created_by)")
    assert invalid(scratch) == ["ix_terms_created_by"]
    with (
        holding(scratch, "select count(*) from terms") as other,
        Client(scratch, READ.format(table="terms")) as reader,
        Client(scratch, WRITE.format(table="terms")) as writer,
    ):
        run = Run(scratch, "upgrade", "head")
        run.says("Waiting for a lock")
        seen = run.said.count("Waiting for a lock")
        run.reaches(lambda: run.said.count("Waiting for a lock") > seen + 1, "more tries")
        other.rollback()
        other.execute("lock table users in row exclusive mode")
        run.reaches(lambda: "ix_users_parent_id" in invalid(scratch), "the build")
        other.rollback()
        run.ends(0)
    for client in (reader, writer):
        assert (client.failed, client.longest < LOCK_TIMEOUT + SLACK + client.stalls.allowance) == ([], True)
    assert (at(scratch), invalid(scratch)) == ([HEAD], [])


def test_two_steps_down_are_two_when_the_second_has_to_wait(scratch: Database, project: Path) -> None:
    """Stock Alembic works out the steps anew at each try: one more would have gone."""
    for name, after, table in (("r1", HEAD, "users"), ("r2", "r1", "terms"), ("r3", "r2", "users")):
        revision(
            project, name, after, f'op.add_column("{table}", sa.Column("{name}", sa.Text()))',
            f'op.drop_column("{table}", "{name}")',
        )  # fmt: skip
    scratch.alembic("upgrade", "r3", cwd=project)
    with holding(scratch, "select count(*) from terms") as other:
        run = Run(scratch, "downgrade", "-2", cwd=project)
        run.says("Running downgrade r3 -> r2")
        run.says("Waiting for a lock")
        assert at(scratch) == ["r2"]
        other.rollback()
        run.ends(0)
    assert at(scratch) == ["r1"]
    assert [row for row in journal(scratch) if row[0] == "downgrade"] == [("downgrade", "r3"), ("downgrade", "r2")]
    query = "select attname from pg_attribute where attname ~ '^r[123]$' and attnum > 0 and not attisdropped"
    assert scratch.rows(query) == [("r1",)]


def test_each_try_begins_with_the_migrators_settings(scratch: Database, project: Path) -> None:
    """A revision that waits long on purpose was cut off before it took that back; the next try begins as the first."""
    upgrade(scratch, HEAD)
    told = "do $$ begin raise notice 'waits up to %', current_setting('lock_timeout'); end $$"
    body = f"""with op.get_context().autocommit_block():
    op.execute({told!r})
    op.execute("set lock_timeout = '321ms'")
    op.execute("alter table users add column patience text")"""
    revision(project, "patient", HEAD, body)
    with holding(scratch, "select count(*) from users") as other:
        run = Run(scratch, "upgrade", "head", cwd=project)
        run.reaches(lambda: run.said.count("Waiting for a lock") > 1, "a second try")
        other.rollback()
        said = run.ends(0)
    assert said.count("waits up to 200ms") >= 2
    assert "321ms" not in said


def test_who_reads_the_notes_of_a_run_does_not_fail_it(scratch: Database, project: Path) -> None:
    """A backup does at any time; whoever runs next drops them."""
    upgrade(scratch, HEAD)
    scratch.execute("create table migration_made (revision text not null, direction text not null, kind text not null, "
                    "relation regclass, name text not null)")  # fmt: skip
    revision(project, "noted", HEAD, "op.execute('alter table users add column noted text')")
    with holding(scratch, "select count(*) from migration_made", name="backup"):
        scratch.alembic("upgrade", "head", cwd=project)
    assert at(scratch) == ["noted"]
    assert scratch.value("select to_regclass('migration_made')::text") == "migration_made"
    scratch.alembic("upgrade", "head", cwd=project)
    assert scratch.value("select to_regclass('migration_made')") is None
