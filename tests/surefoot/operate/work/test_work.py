"""What a revision leaves for later is queued with it, and `ourschool work` does it after the deploy."""

import json
import re
from pathlib import Path

import pytest

from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.commands import revisions
from tests.surefoot.online.harness import write
from tests.surefoot.operate.work.leaving import BACKFILL, DEFAULTS, INDEX, chain, is_built, queue, unfilled


def test_it_is_queued_shown_and_done(scratch: Database, project: Path) -> None:
    chain(scratch, project)
    done = scratch.alembic("upgrade", "head", cwd=project)
    assert "t.c is left for later: python -m ourschool work does it." in done.stderr
    assert (unfilled(scratch), is_built(scratch)) == (3000, False)
    assert queue(scratch, "revision, name, kind, state") == [
        ("two", "t.c", "backfill", "queued"),
        ("two", "ix_t_b", "index", "queued"),
    ]
    shown = ourschool(scratch, "status", cwd=project)
    assert "Queue     2 things left to do after the deploy; python -m ourschool work does it" in shown.stdout
    assert re.search(r"  t\.c  backfill of two, left [\d.]+ s ago: queued, 0 rows done and\s", shown.stdout)
    worked = ourschool(scratch, "work", cwd=project)
    assert worked.stdout == "Nothing is left to do.\n"
    assert (unfilled(scratch), is_built(scratch)) == (0, True)
    assert queue(scratch) == [("t.c", "done"), ("ix_t_b", "done")]
    told = json.loads(ourschool(scratch, "status", "--json", cwd=project).stdout)
    assert next((one["name"], one["rows_done"], one["rows_left"]) for one in told["queue"]) == ("t.c", 3000, 0)
    assert scratch.rows("select note from migration_journal where direction = 'work' order by id") == [
        ("backfill t.c of two: 3,000 rows set",),
        ("index ix_t_b of two",),
    ]


@pytest.mark.parametrize("rows", [0, 500])
def test_where_there_is_little_it_is_done_at_once(scratch: Database, project: Path, rows: int) -> None:
    chain(scratch, project, rows=rows)
    scratch.alembic("upgrade", "head", cwd=project)
    assert (unfilled(scratch), is_built(scratch), queue(scratch)) == (0, True, [])
    assert scratch.value("select to_regclass('migration_queue')") is None


def test_with_later_no_it_is_done_at_once(scratch: Database, project: Path) -> None:
    chain(scratch, project)
    scratch.alembic("-x", "later=no", "upgrade", "head", cwd=project)
    assert (unfilled(scratch), is_built(scratch), queue(scratch)) == (0, True, [])


def test_sql_does_it_where_it_stands(scratch: Database, project: Path) -> None:
    chain(scratch, project)
    printed = scratch.alembic("upgrade", "one:two", "--sql", cwd=project).stdout
    assert printed.count("-- later=True: SQL cannot queue it, so it is done here.") == 2
    scratch.psql(stdin=printed)
    assert (unfilled(scratch), is_built(scratch), queue(scratch)) == (0, True, [])


@pytest.mark.parametrize(
    ("needs", "named"),
    [
        ("op.set_not_null_online('t', 'c')", "t.c"),
        ("op.execute('alter table t alter column c set not null')", "t.c"),
        ("op.add_check_online('c_is_more', 't', 'c > 0')", "t.c"),
        ("op.retire_column('t', 'b')", "t.c"),
        ("op.drop_column('t', 'b')", "t.c"),
        ("op.retire_table('t')", "t.c"),
        ("op.change_types_online('t', {'c': (sa.BigInteger(), 'c', 'c')})", "t.c"),
        ("op.backfill('t', {'n': 'c'}, 'n is null')", "t.c"),
        ("op.create_index_online('ix_t_c', 't', ['c'], unique=True)", "t.c"),
        ("op.drop_index_online('ix_t_b', 't')", "ix_t_b"),
        ("op.execute('drop index ix_t_b')", "ix_t_b"),
    ],
)
def test_a_revision_that_needs_it_is_refused_until_it_is_done(
    scratch: Database, project: Path, needs: str, named: str
) -> None:
    chain(scratch, project)
    write(
        project, "three", "two", f"op.create_table('more', sa.Column('id', sa.Integer()), if_not_exists=True)\n{needs}"
    )
    done = scratch.alembic("upgrade", "head", cwd=project, status=3)
    assert f"Revision three needs {named}, which revision two left for later and which is queued." in done.stderr
    assert "Next: Run python -m ourschool work, then the same command again." in done.stderr
    assert scratch.value("select to_regclass('more')") is None
    assert scratch.rows("select version_num from alembic_version") == [("two",)]
    ourschool(scratch, "work", cwd=project)
    scratch.alembic("upgrade", "head", cwd=project)
    assert scratch.rows("select version_num from alembic_version") == [("three",)]


@pytest.mark.parametrize(
    "harmless",
    [
        "op.execute('alter table t alter column c set default 5')",
        "op.add_column('t', sa.Column('d', sa.Text()))",
        "op.set_not_null_online('t', 'b')",
        "op.create_index_online('ix_t_c', 't', ['c'])",
        "op.backfill('t', {'n': 'c'}, 'n is null', later=True)",
    ],
)
def test_a_revision_that_does_not_need_it_is_applied(scratch: Database, project: Path, harmless: str) -> None:
    chain(scratch, project)
    write(project, "three", "two", harmless)
    scratch.alembic("upgrade", "head", cwd=project)
    ourschool(scratch, "work", cwd=project)
    assert {state for _, state in queue(scratch)} == {"done"}


def test_a_revision_that_needs_what_it_leaves_itself_is_refused(scratch: Database, project: Path) -> None:
    chain(scratch, project, DEFAULTS, BACKFILL, "op.set_not_null_online('t', 'c')")
    done = scratch.alembic("upgrade", "head", cwd=project, status=3)
    assert "Revision two leaves t.c for later and needs it itself." in done.stderr
    assert scratch.rows("select version_num from alembic_version") == [("one",)]
    assert scratch.rows("select column_default from information_schema.columns where column_name = 'c'") == [(None,)]


def test_a_downgrade_takes_it_away_and_an_upgrade_queues_it_anew(scratch: Database, project: Path) -> None:
    chain(scratch, project)
    scratch.alembic("upgrade", "head", cwd=project)
    ourschool(scratch, "work", cwd=project)
    for _ in range(2):
        scratch.alembic("downgrade", "one", cwd=project)
        assert queue(scratch) == []
        scratch.execute("update t set c = null")
        scratch.alembic("upgrade", "head", cwd=project)
        assert queue(scratch) == [("t.c", "queued"), ("ix_t_b", "queued")]
    ourschool(scratch, "work", cwd=project)
    assert (unfilled(scratch), is_built(scratch)) == (0, True)


def test_a_downgrade_takes_a_half_built_index_away(scratch: Database, project: Path) -> None:
    """Also one that the revision's own way back leaves alone; and it is not taken for a revision's leftover."""
    chain(scratch, project, INDEX)
    write(project, "two", "one", INDEX)
    scratch.alembic("upgrade", "head", cwd=project)
    scratch.execute(
        "create index ix_t_b on t (b)", "update pg_index set indisvalid = false where indexrelid = 'ix_t_b'::regclass"
    )
    shown = ourschool(scratch, "status", cwd=project)
    assert "Half done" not in shown.stdout
    assert "INVALID" not in shown.stdout
    scratch.alembic("downgrade", "one", cwd=project)
    assert scratch.value("select to_regclass('ix_t_b')") is None


def test_one_that_fails_says_why_and_the_others_are_done(scratch: Database, project: Path) -> None:
    chain(scratch, project, BACKFILL, INDEX, "op.create_index_online('ix_t_n', 't', ['n'], unique=True, later=True)")
    scratch.execute("alter table t add check (c <> 2000)")
    scratch.alembic("upgrade", "head", cwd=project)
    scratch.execute("update t set n = 7 where id in (10, 20)")
    done = ourschool(scratch, "work", cwd=project, status=1)
    assert 't.c of two: new row for relation "t" violates check constraint' in done.stderr
    assert "work --continue t.c" in done.stderr
    assert queue(scratch) == [("t.c", "failed"), ("ix_t_b", "done"), ("ix_t_n", "failed")]
    write(project, "three", "two", "op.set_not_null_online('t', 'c')")
    shown = ourschool(scratch, "status", cwd=project, status=1).stdout
    assert "\n    → python -m ourschool work --continue t.c\n" in shown
    refused = scratch.alembic("upgrade", "head", cwd=project, status=3)
    assert "which revision two left for later and which failed: new row for" in refused.stderr
    scratch.execute("alter table t drop constraint t_c_check", "update t set n = null")
    for name in ("t.c", "ix_t_n"):
        ourschool(scratch, "work", "--continue", name, cwd=project)
    ourschool(scratch, "work", cwd=project)
    assert {state for _, state in queue(scratch)} == {"done"}


def test_it_is_paused_and_continued(scratch: Database, project: Path) -> None:
    chain(scratch, project)
    scratch.alembic("upgrade", "head", cwd=project)
    said = ourschool(scratch, "work", "--pause", "t.c", cwd=project)
    assert said.stdout == "t.c of two is paused.\n"
    assert ourschool(scratch, "work", cwd=project).stdout == "Nothing to do but what is paused: t.c.\n"
    assert (unfilled(scratch), is_built(scratch)) == (3000, True)
    again = ourschool(scratch, "work", "--pause", "t.c", cwd=project, status=2)
    assert "Nothing in the queue called 't.c' can be paused: it is paused." in again.stderr
    unknown = ourschool(scratch, "work", "--continue", "t.d", cwd=project, status=2)
    assert "can be continued: there is none of that name." in unknown.stderr
    ourschool(scratch, "work", "--continue", "t.c", cwd=project)
    ourschool(scratch, "work", cwd=project)
    assert unfilled(scratch) == 0


def test_what_reads_what_another_was_to_write_waits_for_it(scratch: Database, project: Path) -> None:
    chain(scratch, project, BACKFILL, "op.backfill('t', {'n': 'coalesce(c, 0)'}, 'n is null', later=True)", INDEX)
    scratch.alembic("upgrade", "head", cwd=project)
    ourschool(scratch, "work", "--pause", "t.c", cwd=project)
    done = ourschool(scratch, "work", cwd=project, status=4)
    assert "t.n is left for now: t.c comes first, and is paused." in done.stderr
    assert "Not all could be done: t.n is still to do." in done.stderr
    assert queue(scratch) == [("t.c", "paused"), ("t.n", "queued"), ("ix_t_b", "done")]
    ourschool(scratch, "work", "--continue", "t.c", cwd=project)
    ourschool(scratch, "work", cwd=project)
    assert scratch.value("select count(*) from t where n = b") == 3000


def test_a_small_table_comes_behind_what_is_left(scratch: Database, project: Path) -> None:
    chain(scratch, project, BACKFILL)
    scratch.alembic("upgrade", "head", cwd=project)
    scratch.execute("delete from t where id > 100")
    write(project, "three", "two", "op.backfill('t', {'n': 'coalesce(c, 0)'}, 'n is null', later=True)")
    refused = scratch.alembic("-x", "later=no", "upgrade", "head", cwd=project, status=3)
    assert "Revision three needs t.c, which revision two left for later" in refused.stderr
    scratch.alembic("upgrade", "head", cwd=project)
    assert queue(scratch) == [("t.c", "queued"), ("t.n", "queued")]
    ourschool(scratch, "work", cwd=project)
    assert scratch.value("select count(*) from t where n = b") == 100


def test_check_and_the_guarded_upgrade_know_that_an_index_is_to_come(
    at_head: Database, project: Path, tmp_path: Path
) -> None:
    """The differences of a database with a queue are those that it would have without."""
    at_head.execute("insert into audit_log (action, entity) select 'a' || n, 'users' from generate_series(1, 600) as n")
    again = "op.create_index_online('ix_audit_log_actor_id', 'audit_log', ['actor_id'], later=True)"
    revisions.write(project, "again", upgrade=f"op.drop_index_online('ix_audit_log_actor_id', 'audit_log')\n{again}")
    env = {"OURSCHOOL_BACKUPS": str(tmp_path / "backups")}
    ourschool(at_head, "upgrade", "--yes", cwd=project, env=env)
    assert queue(at_head) == [("ix_audit_log_actor_id", "queued")]
    assert at_head.value("select to_regclass('ix_audit_log_actor_id')") is None
    at_head.alembic("check", cwd=project)
    assert "Drift     none" in ourschool(at_head, "status", cwd=project, env=env).stdout
    assert ourschool(at_head, "identify", cwd=project, env=env).stdout.endswith(
        'The tables match revision again ("add something to users").\n'
        "alembic_version records again. They agree: nothing to do.\n"
    )
    another = revisions.write(project, "more", after="again", upgrade="op.execute('create table more ()')")
    asked = ourschool(at_head, "upgrade", cwd=project, env=env, says="n\n", status=3)
    left = "! An earlier upgrade has left ix_audit_log_actor_id for later: a revision that needs it"
    assert left in " ".join(asked.stdout.split())
    another.unlink()
    at_head.execute("delete from migration_queue")
    at_head.alembic("check", cwd=project, status=1)
    ourschool(at_head, "status", cwd=project, env=env, status=1)
