"""Retirement in real revisions: as typed, as SQL through psql, under a lock, and as autogenerate would write it."""

import threading
import time
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op_text
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext

from surefoot.online import retired_registry
from surefoot.online.retire.retire_operations import (
    RestoreColumnOp,
    RestoreRowsOp,
    RestoreTableOp,
    RetireColumnOp,
    RetireRowsOp,
    RetireTableOp,
)
from tests.support.databases import Database
from tests.support.stalls import Stalls
from tests.surefoot.online.harness import LOCK_TIMEOUT, MARKS, assert_equal, catalogue, empty, write
from tests.surefoot.online.runner import Runner
from tests.surefoot.online.test_change_types import sql_of

MORE = (
    "alter table marks add foreign key (pupil_id) references pupils",
    "create index ix_marks_pupil_id on marks (pupil_id)",
    "alter table marks add constraint marks_subject_key unique (subject, id)",
    "alter table marks add check (subject <> '')",
    "create index ix_marks_subject on marks (lower(subject))",
    "create table notes (id serial primary key, mark_id bigint not null references marks, note text)",
    "create table replies (id int primary key, note_id int references notes on delete cascade)",
    "insert into notes (mark_id, note) select n, 'Note ' || n from generate_series(1, 9) as n",
    "insert into replies values (1, 1), (2, 9)",
)
UP = """
    op.retire_column("marks", "subject")
    op.retire_rows("marks", "points > 90", reason="too good")
    op.retire_table("notes")
    if not op.restore_table("categories"):
        op.create_table("categories", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("name", sa.Text()))
    if not op.restore_column("pupils", "avatar_url"):
        op.add_column("pupils", sa.Column("avatar_url", sa.Text(), server_default="none", nullable=False),
                      if_not_exists=True)
"""
DOWN = """
    op.retire_column("pupils", "avatar_url")
    op.retire_table("categories")
    op.restore_table("notes")
    op.restore_rows("marks")
    op.restore_column("marks", "subject")
"""
MARKS_ROWS = "select id, pupil_id, subject, points from marks order by id"


@pytest.fixture
def chain(project: Path) -> Path:
    """Revision one makes tables with rows, revision two retires of each kind and adds a table and a column."""
    made = "\n".join(f"op.execute({statement!r})" for statement in (*MARKS, *MORE))
    write(empty(project), "one", None, made)
    write(project, "two", "one", UP, DOWN)
    return project


def added(database: Database) -> None:
    """What users do while revision two is in."""
    database.execute(
        "insert into marks (pupil_id, points) values (1, 5)",
        "insert into categories values (1, 'sport')",
        "insert into pupils (id, name, avatar_url) values (11, 'Pupil 11', 'eleven.png')",
        "update pupils set avatar_url = 'one.png' where id = 1",
    )


def test_up_down_and_up_again_with_rows_of_before_and_after(database: Database, chain: Path) -> None:
    database.alembic("upgrade", "one", cwd=chain)
    before, marks, notes = catalogue(database), database.rows(MARKS_ROWS), database.rows("select * from notes")
    database.alembic("upgrade", "two", cwd=chain)
    after = catalogue(database)
    added(database)

    assert database.value("select count(*) from retired.marks_rows_two") == 10
    assert database.rows("select subject from retired.marks_subject_two where id = 1") == [("Subject 1",)]
    assert database.rows("select * from retired.notes_two") == notes
    with database.engine().connect() as connection:
        assert {(thing.revision, thing.direction) for thing in retired_registry.all_items(connection)} == {
            ("two", "upgrade")
        }

    database.alembic("downgrade", "one", cwd=chain)
    assert_equal(before, catalogue(database))
    assert database.rows(MARKS_ROWS)[:-1] == marks
    assert database.rows("select subject from marks where id = 101") == [("Art",)]
    assert database.rows("select * from notes") == notes
    assert database.rows("select name from retired.categories_two") == [("sport",)]
    database.execute("insert into pupils values (12, 'Pupil 12')")

    database.alembic("upgrade", "two", cwd=chain)
    assert_equal(after, catalogue(database))
    assert database.rows("select name from categories") == [("sport",)]
    assert database.rows("select id, avatar_url from pupils where id in (1, 2, 11, 12) order by id") == [
        (1, "one.png"), (2, "none"), (11, "eleven.png"), (12, "none")]  # fmt: skip

    database.alembic("downgrade", "one", cwd=chain)
    assert_equal(before, catalogue(database))
    assert len(database.rows(MARKS_ROWS)) == 101


def test_when_all_is_back_nothing_of_ours_is_left(scratch: Database, chain: Path) -> None:
    write(chain, "three", "two", 'op.retire_table("marks")', 'op.restore_table("marks")')
    write(chain, "four", "three", 'op.retire_column("pupils", "name")', 'op.restore_column("pupils", "name")')
    scratch.alembic("upgrade", "two", cwd=chain)
    kept = catalogue(scratch, "retired")
    scratch.alembic("upgrade", "four", cwd=chain)
    scratch.alembic("downgrade", "two", cwd=chain)
    assert_equal(kept, catalogue(scratch, "retired"))
    scratch.alembic("upgrade", "two", cwd=chain)


@pytest.mark.promise("T2")
def test_printed_as_sql_that_psql_runs(scratch: Database, chain: Path) -> None:
    database = scratch
    database.alembic("upgrade", "one", cwd=chain)
    before, marks = catalogue(database), database.rows(MARKS_ROWS)
    database.alembic("upgrade", "two", cwd=chain)
    after = catalogue(database)
    database.alembic("downgrade", "one", cwd=chain)
    database.execute("drop schema retired cascade")

    database.psql(stdin=database.alembic("upgrade", "one:two", "--sql", cwd=chain).stdout)

    assert_equal(after, catalogue(database))
    assert database.value("select count(*) from retired.marks_rows_two where reason = 'too good'") == 10
    down = database.alembic("downgrade", "two:one", "--sql", cwd=chain).stdout
    assert "-- restore_table: table notes is taken back by Alembic alone" in down
    added(database)
    database.alembic("downgrade", "one", cwd=chain)
    assert_equal(before, catalogue(database))
    assert database.rows(MARKS_ROWS)[:-1] == marks


COLUMN = (
    "alter table marks alter subject set default 'Art', alter subject set not null",
    "comment on constraint marks_subject_key on marks is 'one each'",
    "comment on index ix_marks_subject is 'whatever its case'",
    "create function told() returns trigger language plpgsql as 'begin return new; end'",
    "create trigger told after update of subject on marks for each row execute function told()",
    "alter table marks disable trigger told",
    "alter table marks add constraint marks_pair unique (subject, id) deferrable initially deferred",
    "alter table marks add constraint marks_short check (length(subject) < 3) not valid",
    "create table subjects (mark_id bigint, subject text,"
    " foreign key (subject, mark_id) references marks (subject, id))",
)


@pytest.mark.promise("T2")
@pytest.mark.parametrize("begun", [False, True], ids=["plain", "begun online"])
def test_a_column_comes_back_by_printed_sql(database: Database, project: Path, begun: bool) -> None:
    made = "\n".join(f"op.execute({statement!r})" for statement in (*MARKS, *MORE, *COLUMN))
    write(empty(project), "one", None, made)
    write(project, "two", "one", 'op.retire_column("marks", "subject")', 'op.restore_column("marks", "subject")')
    database.alembic("upgrade", "one", cwd=project)
    before, marks = catalogue(database), database.rows(MARKS_ROWS)
    down = database.alembic("downgrade", "two:one", "--sql", cwd=project).stdout
    assert "-- Column subject of marks: taken back where retired.things has it" in down
    for nth in range(2):
        database.psql(stdin=database.alembic("upgrade", "one:two", "--sql", cwd=project).stdout)
        database.execute(f"insert into marks (id, pupil_id, points) values ({1000 + nth}, 1, 5)")
        if begun:
            database.execute("create index ix_marks_subject on marks (lower(__retired_two_subject))")
        database.psql(stdin=down)
        assert_equal(before, catalogue(database))
        assert database.value("select to_regnamespace('retired')") is None
        assert database.rows(f"{MARKS_ROWS} limit {len(marks)}") == marks
        assert database.value(f"select subject from marks where id = {1000 + nth}") == "Art"
    database.psql(stdin=database.alembic("upgrade", "one:two", "--sql", cwd=project).stdout)
    database.execute("update retired.things set revision = 'other'")
    database.psql(stdin=down)
    assert database.value("select count(*) from retired.things") == 1  # of another revision: not ours to take back


def test_printed_sql_ends_a_way_back_that_was_cut_off_at_not_null(database: Database, project: Path) -> None:
    made = "\n".join(f"op.execute({statement!r})" for statement in (*MARKS, *MORE, *COLUMN))
    write(empty(project), "one", None, made)
    write(project, "two", "one", 'op.retire_column("marks", "subject")', 'op.restore_column("marks", "subject")')
    with Runner(database, project) as runner:
        runner.alembic("upgrade", "one", status=0)
        before = catalogue(database)
        runner.alembic("upgrade", "two", status=0)
        down = sql_of(runner.alembic("downgrade", "two:one", "--sql", status=0).output)
        through = "" if database.server.major >= 18 else "ourschool_"
        cut = f'validate constraint "{through}marks_subject_not_null"'
        assert runner.alembic("downgrade", "one", kill_before=cut).killed
    database.psql(stdin=down)
    assert_equal(before, catalogue(database))


@pytest.mark.promise("T2")
def test_rows_are_set_aside_by_printed_sql_only_where_there_are_any(scratch: Database, project: Path) -> None:
    made = "\n".join(f"op.execute({statement!r})" for statement in (*MARKS, "alter table marks add reason text"))
    write(empty(project), "one", None, made)
    up = 'op.retire_rows("marks", "points > 98", reason="too good")'
    write(project, "two", "one", up, 'op.restore_rows("marks")')
    scratch.alembic("upgrade", "one", cwd=project)
    marks = "select id, points, reason from marks order by id"
    there = scratch.rows(marks)
    scratch.psql(stdin=scratch.alembic("upgrade", "one:two", "--sql", cwd=project).stdout)
    assert scratch.rows("select id, reason, retired_reason from retired.marks_rows_two order by id") == [
        (99, None, "too good"), (100, None, "too good")]  # fmt: skip
    assert scratch.rows("select stands_as, rows from retired.things") == [("marks_rows_two", 2)]
    scratch.alembic("downgrade", "one", cwd=project)
    assert scratch.rows(marks) == there
    scratch.execute("delete from marks where points > 98")
    scratch.psql(stdin=scratch.alembic("upgrade", "one:two", "--sql", cwd=project).stdout)
    assert scratch.value("select to_regnamespace('retired')") is None


HOLDING = [
    ("select from marks", "two"),
    ("select from replies", "two"),
    ("update pupils set name = name where id = 3", "two"),
    ("select from marks", "one"),
    ("update replies set id = id", "one"),
]


def _gave_way_twice(output: list[str]) -> bool:
    """And said to whom; on a busy machine the first look at who blocks can come too late."""
    told = [line for line in output if "Waiting for a lock" in line]
    return len(told) >= 2 and any("application report" in line for line in told)


@pytest.mark.parametrize(("holding", "revision"), HOLDING)
def test_a_table_in_use_is_waited_for_and_nobody_queues(
    scratch: Database, chain: Path, holding: str, revision: str
) -> None:
    scratch.alembic("upgrade", "two" if revision == "one" else "one", cwd=chain)
    stalls = Stalls(scratch.dsn)
    with stalls, scratch.connect() as holder, scratch.connect(autocommit=True) as user:
        holder.execute("set application_name = 'report'")
        holder.execute(holding)
        working = scratch.start("downgrade" if revision == "one" else "upgrade", revision, cwd=chain)
        assert working.stdout is not None
        output: list[str] = []
        reading = threading.Thread(target=lambda: output.extend(working.stdout or ()), daemon=True)
        reading.start()
        longest, until = 0.0, time.monotonic() + 60
        while working.poll() is None and time.monotonic() < until and not _gave_way_twice(output):
            for table in ("marks", "pupils", "replies"):
                began = time.perf_counter()
                user.execute(psycopg.sql.SQL("select from {} limit 1").format(psycopg.sql.Identifier(table)))
                longest = max(longest, time.perf_counter() - began)
            time.sleep(0.002)
        assert working.poll() is None
        holder.rollback()
    reading.join()
    working.stdout.close()
    assert working.wait() == 0, output
    assert _gave_way_twice(output), output
    assert longest < LOCK_TIMEOUT + 0.8 + stalls.allowance  # without the timeout it would be a minute
    assert scratch.value("select version_num from alembic_version") == revision


def test_what_is_refused_fails_the_revision_with_status_3(scratch: Database, chain: Path) -> None:
    scratch.alembic("upgrade", "one", cwd=chain)
    scratch.execute("create view seen as select note from notes")
    failed = scratch.alembic("upgrade", "two", cwd=chain, status=3)
    assert (
        "\nourschool: Table notes cannot be retired: view seen needs it.\nYour data: The database is at"
        in failed.stderr
    )
    assert " Revision two was not finished. What it has done is kept" in failed.stderr  # rows were set aside before it
    assert "\nNext: Drop that first" in failed.stderr
    assert "othing was changed" not in failed.stderr
    assert "Traceback" not in failed.stderr
    scratch.execute("drop view seen")
    scratch.alembic("upgrade", "two", cwd=chain)


RENDERED: list[tuple[MigrateOperation, str, str]] = [
    (RetireColumnOp("t", "it's"), """op.retire_column('t', "it's")""", """op.restore_column('t', "it's")"""),
    (RestoreColumnOp("t", "x"), "op.restore_column('t', 'x')", "op.retire_column('t', 'x')"),
    (RetireTableOp("t"), "op.retire_table('t')", "op.restore_table('t')"),
    (RestoreTableOp("t"), "op.restore_table('t')", "op.retire_table('t')"),
    (RetireRowsOp("t", "x > 1"), "op.retire_rows('t', 'x > 1')", "op.restore_rows('t')"),
    (RetireRowsOp("t", "x", reason="y"), "op.retire_rows('t', 'x', reason='y')", "op.restore_rows('t')"),
]


@pytest.mark.parametrize("case", RENDERED, ids=lambda case: case[1])
def test_as_autogenerate_writes_them(case: tuple[MigrateOperation, str, str]) -> None:
    context = MigrationContext.configure(dialect_name="postgresql", opts={"alembic_module_prefix": "op."})
    autogen = AutogenContext(context, opts=context.opts)
    operation, written, reversed_ = case
    assert render_op_text(autogen, operation) == written
    assert render_op_text(autogen, operation.reverse()) == reversed_


def test_which_rows_to_retire_again_is_not_known() -> None:
    with pytest.raises(ValueError, match="nothing tells which rows of t"):
        RestoreRowsOp("t").reverse()
