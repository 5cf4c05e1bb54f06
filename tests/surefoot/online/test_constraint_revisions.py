"""Indexes and constraints in real revisions: as typed, as SQL through psql, and as autogenerate would write them."""

import time
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op_text
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext

from surefoot.online.constraints.check_constraints import AddCheckOnlineOp, DropConstraintOnlineOp
from surefoot.online.constraints.foreign_keys import AddForeignKeyOnlineOp
from surefoot.online.constraints.not_null import DropNotNullOnlineOp, SetNotNullOnlineOp
from surefoot.online.constraints.unique_constraints import AddUniqueOnlineOp
from surefoot.online.indexes.index_operations import CreateIndexOnlineOp, DropIndexOnlineOp
from tests.support.databases import Database
from tests.surefoot.online.harness import LOCK_TIMEOUT, MARKS, assert_equal, catalogue, empty, wait_until, write

UP = """
    op.create_index_online("ix_marks_points", "marks", ["points"], postgresql_where=sa.text("note like 'a%\\\\:b'"))
    op.add_check_online("marks_subject_check", "marks", "subject not like '%$$:x%'")
    op.add_foreign_key_online("marks_pupil_id_fkey", "marks", "pupils", ["pupil_id"], ["id"], ondelete="CASCADE")
    op.add_unique_online("marks_subject_key", "marks", ["subject"], deferrable=True)
    op.set_not_null_online("marks", "points")
"""
DOWN = """
    op.drop_not_null_online("marks", "points")
    op.drop_constraint_online("marks_subject_key", "marks")
    op.drop_constraint_online("marks_pupil_id_fkey", "marks")
    op.drop_constraint_online("marks_subject_check", "marks")
    op.drop_index_online("ix_marks_points", "marks")
"""
PLAIN = (
    "create index ix_marks_points on marks (points) where note like 'a%:b'",
    "alter table marks add constraint marks_subject_check check (subject not like '%$$:x%')",
    "alter table marks add foreign key (pupil_id) references pupils on delete cascade",
    "alter table marks add unique (subject) deferrable",
    "alter table marks alter column points set not null",
)


@pytest.fixture
def chain(project: Path) -> Path:
    """Revision one makes two tables with rows, revision two does everything to them."""
    made = "\n".join(f"op.execute({statement!r})" for statement in MARKS)
    write(empty(project), "one", None, made, "op.drop_table('marks')\nop.drop_table('pupils')")
    write(project, "two", "one", UP, DOWN)
    return project


def test_up_down_and_up_again(database: Database, chain: Path) -> None:
    database.alembic("upgrade", "one", cwd=chain)
    before = catalogue(database)
    database.execute(*PLAIN)
    expected = catalogue(database)
    database.alembic("downgrade", "base", cwd=chain)
    for revision, equal in (("two", expected), ("one", before), ("two", expected)):
        direction = "downgrade" if revision == "one" else "upgrade"
        database.alembic(direction, revision, cwd=chain)
        assert_equal(equal, catalogue(database))


def test_printed_as_sql_that_psql_runs_and_runs_again(database: Database, chain: Path) -> None:
    for part in ("upgrade base:one", "upgrade one:two"):
        database.psql(stdin=database.alembic(*part.split(), "--sql", cwd=chain).stdout)
    database.alembic("downgrade", "one", cwd=chain)
    before = catalogue(database)
    database.execute(*PLAIN)
    expected = catalogue(database)
    up = without_version(database.alembic("upgrade", "one:two", "--sql", cwd=chain).stdout)
    down = without_version(database.alembic("downgrade", "two:one", "--sql", cwd=chain).stdout)
    for script, equal in ((down, before), (up, expected), (up, expected), (down, before), (down, before)):
        database.psql(stdin=script)
        assert_equal(equal, catalogue(database))


def test_rows_that_break_it_fail_the_revision_with_status_3(scratch: Database, chain: Path) -> None:
    scratch.alembic("upgrade", "one", cwd=chain)
    before = catalogue(scratch)
    scratch.execute("update marks set pupil_id = 99 where id = 7")
    failed = scratch.alembic("upgrade", "two", cwd=chain, status=3)
    assert "1 row of marks would break marks_pupil_id_fkey FOREIGN KEY (pupil_id)" in failed.stderr
    assert "id 7.\nYour data: Nothing was changed: the database is at " in failed.stderr
    assert "\nNext: Correct these rows" in failed.stderr
    assert "Traceback" not in failed.stderr
    scratch.execute("update marks set pupil_id = 1 where id = 7")
    scratch.alembic("upgrade", "two", cwd=chain)
    scratch.alembic("downgrade", "one", cwd=chain)
    assert_equal(before, catalogue(scratch))


def test_a_table_in_use_is_waited_for(scratch: Database, chain: Path) -> None:
    scratch.alembic("upgrade", "one", cwd=chain)
    with scratch.connect() as holder:
        holder.execute("set application_name = 'report'")
        holder.execute("select from marks")
        waiting = scratch.start("upgrade", "two", cwd=chain)
        assert waiting.stdout is not None
        for line in waiting.stdout:
            if "Waiting for a lock" in line:
                assert "application report" in line
                break
        holder.rollback()
    waiting.communicate()
    assert waiting.returncode == 0


def test_a_build_waits_for_an_old_transaction_longer_than_for_a_lock_and_begins_once(
    scratch: Database, project: Path
) -> None:
    scratch.execute(*MARKS)
    write(empty(project), "one", None, "pass")
    write(project, "two", "one", 'op.create_index_online("ix", "marks", ["points"])')
    scratch.alembic("stamp", "one", cwd=project)
    with scratch.connect() as old:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        old.execute("select from pupils")
        waiting = scratch.start("upgrade", "two", cwd=project)
        wait_until(scratch, "select from pg_stat_progress_create_index where phase like 'waiting for old%'")
        begun = scratch.value("select max(indexrelid) from pg_index where not indisvalid")
        time.sleep(3 * LOCK_TIMEOUT)
        old.rollback()
    output, _ = waiting.communicate()
    assert waiting.returncode == 0, output
    assert "Waiting for a lock" not in output
    assert scratch.value("select 'ix'::regclass::oid") == begun


RENDERED: list[tuple[ops.MigrateOperation, str, str]] = [
    (
        CreateIndexOnlineOp("ix", "t", ["a", sa.text("lower(b)")], unique=True, postgresql_where=sa.text("c")),
        "op.create_index_online('ix', 't', ['a', sa.literal_column('lower(b)')], unique=True, "
        "postgresql_where=sa.text('c'))",
        "op.drop_index_online('ix', 't')",
    ),
    (
        DropIndexOnlineOp("ix", "t", inverse=CreateIndexOnlineOp("ix", "t", ["a"])),
        "op.drop_index_online('ix', 't')",
        "op.create_index_online('ix', 't', ['a'])",
    ),
    (
        AddCheckOnlineOp("c", "t", sa.column("a") > 0),
        "op.add_check_online('c', 't', 'a > 0')",
        "op.drop_constraint_online('c', 't')",
    ),
    (
        AddForeignKeyOnlineOp("k", "t", "o", ["a"], ["id"], ondelete="CASCADE", deferrable=True),
        "op.add_foreign_key_online('k', 't', 'o', ['a'], ['id'], ondelete='CASCADE', deferrable=True)",
        "op.drop_constraint_online('k', 't')",
    ),
    (
        DropConstraintOnlineOp("u", "t", inverse=AddUniqueOnlineOp("u", "t", ["a", "b"], nulls_not_distinct=True)),
        "op.drop_constraint_online('u', 't')",
        "op.add_unique_online('u', 't', ['a', 'b'], nulls_not_distinct=True)",
    ),
    (SetNotNullOnlineOp("t", "a"), "op.set_not_null_online('t', 'a')", "op.drop_not_null_online('t', 'a')"),
    (DropNotNullOnlineOp("t", "a"), "op.drop_not_null_online('t', 'a')", "op.set_not_null_online('t', 'a')"),
]


@pytest.mark.parametrize(("operation", "text", "back"), RENDERED, ids=[text for _, text, _ in RENDERED])
def test_written_by_autogenerate_with_its_way_back(operation: ops.MigrateOperation, text: str, back: str) -> None:
    context = AutogenContext(MigrationContext.configure(dialect_name="postgresql"), sa.MetaData())
    context.opts.update(sqlalchemy_module_prefix="sa.", alembic_module_prefix="op.", user_module_prefix=None)
    assert render_op_text(context, operation) == text
    assert render_op_text(context, operation.reverse()) == back


def without_version(script: str) -> str:
    """The script without the line that counts the revision, which runs once only."""
    return "\n".join(line for line in script.splitlines() if "alembic_version" not in line)
