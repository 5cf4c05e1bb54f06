"""A way down that failed half-way: no upgrade goes on over it without a word, and it can be finished."""

from pathlib import Path

import pytest

from tests.ourschool.history.schools import HEAD
from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.online.harness import catalogue, empty, write
from tests.surefoot.online.runner import Runner

TABLES = """
op.execute("create table mail (id integer primary key, state text not null)")
op.execute("alter table mail add constraint states check (state in ('a', 'b'))")
op.execute("insert into mail select n, 'a' from generate_series(1, 20) as n")
"""
UP = """
op.drop_constraint_online('states', 'mail')
op.add_check_online('states', 'mail', "state in ('a', 'b', 'c')")
op.create_index_online('ix_mail_state', 'mail', ['state'])
"""
DOWN = """
op.drop_index_online('ix_mail_state')
op.drop_constraint_online('states', 'mail')
op.add_check_online('states', 'mail', "state in ('a', 'b')")
"""
READS = "op.get_bind()"
"""Behind it nothing is asked before the revision begins."""
NEXT = "op.add_column('mail', sa.Column('sent_at', sa.DateTime(timezone=True)))"


def chain(project: Path, down: str = DOWN) -> Path:
    write(empty(project), "one", None, TABLES, "op.execute('drop table mail')")
    write(project, "two", "one", UP, down)
    return project


@pytest.mark.promise("O11")
def test_what_is_refused_before_it_begins_is_no_hindrance(scratch: Database, project: Path) -> None:
    """What `ourschool new` writes for one more state of a CHECK, and a row that has it."""
    with Runner(scratch, chain(project)) as runner:
        runner.alembic("upgrade", "head", status=0)
        whole = catalogue(scratch)
        scratch.execute("update mail set state = 'c' where id = 7")
        said = runner.alembic("downgrade", "-1", status=3).output
        assert "1 row of mail would break" in said
        assert said.lower().count("nothing was changed") == 1
        assert catalogue(scratch) == whole
        write(project, "three", "two", NEXT, "op.drop_column('mail', 'sent_at')")
        runner.alembic("upgrade", "head", status=0)


@pytest.mark.promise("O11")
def test_no_upgrade_goes_on_over_it(scratch: Database, project: Path, tmp_path: Path) -> None:
    """The same with a look at the database on its way, so that it comes to the row half-way."""
    env = {"OURSCHOOL_BACKUPS": str(tmp_path / "backups")}
    with Runner(scratch, chain(project, READS + DOWN)) as runner:
        runner.alembic("upgrade", "head", status=0)
        whole = catalogue(scratch)
        scratch.execute("update mail set state = 'c' where id = 7")
        said = runner.alembic("downgrade", "-1", status=3).output
        assert "nothing was changed" not in said.lower()
        assert "Revision two was not finished. What it has done is kept" in said
        write(project, "three", "two", NEXT, "op.drop_column('mail', 'sent_at')")

        half = catalogue(scratch)
        said = runner.alembic("upgrade", "head", status=3).output
        assert 'ourschool: A downgrade of two ("two of a test") stopped half-way: 1 row of mail would break' in said
        assert "so nothing goes up from here" in said
        assert "\nNext: Correct what it names, then finish it: python -m alembic downgrade one. After that" in said
        for command in (("upgrade", "--yes"), ("rehearse",)):
            done = ourschool(scratch, *command, status=3, cwd=project, env=env)
            assert "so nothing goes up from here" in done.stderr
            assert "restore " not in done.stderr.replace("Or restore the backup from before it", "")
        assert not (tmp_path / "backups").exists()
        assert catalogue(scratch) == half

        scratch.execute("update mail set state = 'b' where id = 7")
        runner.alembic("downgrade", "one", status=0)
        runner.alembic("upgrade", "two", status=0)
        assert catalogue(scratch) == whole
        runner.alembic("upgrade", "head", status=0)


def test_one_that_was_killed_likewise(scratch: Database, project: Path) -> None:
    with Runner(scratch, chain(project)) as runner:
        runner.alembic("upgrade", "head", status=0)
        whole, nth = catalogue(scratch), 10
        while catalogue(scratch) == whole:
            assert runner.alembic("downgrade", "one", kill_at=nth).killed
            nth += 2
        said = runner.alembic("upgrade", "head", status=3).output
        assert 'A downgrade of two ("two of a test") was cut off. Parts of it are done' in said
        assert "\nNext: Finish it: python -m alembic downgrade one." in said
        runner.alembic("downgrade", "one", status=0)
        runner.alembic("upgrade", "head", status=0)
        assert catalogue(scratch) == whole


def test_one_that_failed_in_its_transaction_is_no_hindrance(scratch: Database, project: Path) -> None:
    write(empty(project), "one", None, TABLES)
    write(project, "two", "one", NEXT, "op.drop_column('mail', 'sent_at')\nop.execute('select 1 / 0')")
    write(project, "three", "two", "op.execute('select 1')")
    with Runner(scratch, project) as runner:
        runner.alembic("upgrade", "two", status=0)
        runner.alembic("downgrade", "one", status=4)
        runner.alembic("upgrade", "head", status=0)


FAILED = f"""
insert into migration_journal (revision, direction, outcome, started_at, duration, client_host, client_user, client_pid,
                               package_version, error)
values ('{HEAD}', 'downgrade', 'failed', now(), '1 s', 'h', 'u', 1, '1', 'RefusedError: 2 rows of x would break it.')
"""


def test_of_a_released_revision_the_catalogue_tells(at_head: Database) -> None:
    """An earlier version's journal does not say whether anything was committed: what it should be is known."""
    at_head.execute(FAILED)
    assert f"Nothing to do: the database is at {HEAD}." in at_head.alembic("upgrade", "head").stderr
    name, text = at_head.rows("select indexname, indexdef from pg_indexes where schemaname = 'public' and indexname ~ "
                              "'^ix' order by 1")[0]  # fmt: skip
    at_head.execute(f"drop index {name}")
    said = at_head.alembic("upgrade", "head", status=3).stderr
    assert f"stopped half-way: 2 rows of x would break it. The database is not what {HEAD} makes, so nothing" in said
    assert f"\n  index {name} on " in said
    at_head.execute(str(text))
    at_head.alembic("upgrade", "head")
