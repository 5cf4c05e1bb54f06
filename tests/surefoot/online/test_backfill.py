"""Batches that fill a table: what is filled, what is refused, who is given way to, and what the operator sees."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op_text
from alembic.runtime.migration import MigrationContext

from surefoot.errors import RefusedError, SurefootError, UsageError
from surefoot.online.backfill.operation import BackfillOp
from tests.support.databases import Database
from tests.surefoot.online.filling import FILL, KEYS, table
from tests.surefoot.online.harness import empty, operations, run, when, write


@pytest.mark.parametrize("key", KEYS)
def test_every_row_gets_its_value_by_any_key(database: Database, key: str) -> None:
    table(database, key)
    run(database, lambda op: op.backfill("t", {"c": "b * 2", "n": "b / 7.0"}, "c is null -- not yet"))
    assert database.value("select count(*) from t where c = b * 2 and n = round(b / 7.0, 1)") == 3000


def test_a_key_of_the_authors_choice(scratch: Database) -> None:
    table(scratch)
    scratch.execute("alter table t alter b set not null", "create index on t (b, id)")
    run(scratch, lambda op: op.backfill("t", {"c": "b"}, key="b"))
    assert scratch.value("select count(*) from t where c = b") == 3000


def test_rows_that_are_done_are_not_written_again(database: Database) -> None:
    """Without a where: what a column already holds, rounded as it rounds, and json, which has no equality."""
    table(database)
    values = {"n": "b / 7.0", "j": "json_build_object('a:b', b)"}
    run(database, lambda op: op.backfill("t", values))
    before = database.rows("select id, xmin::text from t order by id")
    database.execute("update t set n = null where id = 17")
    run(database, lambda op: op.backfill("t", values))
    after = database.rows("select id, xmin::text from t order by id")
    assert [row[0] for row, then in zip(after, before, strict=True) if row != then] == [17]
    assert database.value("select count(*) from t where n = round(b / 7.0, 1) and j ->> 'a:b' = b::text") == 3000


def test_rows_that_arrive_behind_the_first_pass_are_done_too(scratch: Database) -> None:
    table(scratch)
    with operations(scratch) as op:
        when(op, "select exists", lambda: scratch.execute("insert into t (id, b) values (-5, 1), (0, 2)"))
        op.backfill("t", {"c": "b"}, "c is null")
    assert scratch.value("select count(*) from t where c is null") == 0


def test_rows_that_never_stop_coming_do_not_keep_it(scratch: Database, caplog: pytest.LogCaptureFixture) -> None:
    table(scratch, rows=10)

    def insert(_: object, __: object, statement: str, *___: object) -> None:
        if "select exists" in statement:
            scratch.execute("insert into t (id, b) select min(id) - 1, 1 from t")

    with operations(scratch) as op, caplog.at_level(logging.WARNING, "surefoot"):
        sa.event.listen(op.get_bind(), "before_cursor_execute", insert)
        op.backfill("t", {"c": "b"}, "c is null")
    assert "Rows of t still come to match c is null" in caplog.text
    assert scratch.rows("select id from t where c is null") == [(-3,)]


WRONG: dict[str, tuple[Callable[[Any], object], type[SurefootError], str]] = {
    "no table": (lambda op: op.backfill("nobody", {"c": "1"}), UsageError, "no table 'nobody'"),
    "no column": (lambda op: op.backfill("t", {"x": "1"}), UsageError, "no column 'x'; it has id, b, c, n, j"),
    "no values": (lambda op: op.backfill("t", {}), UsageError, "no values"),
    "no key": (lambda op: op.backfill("loose", {"a": "1"}), UsageError, "no primary key and no unique index"),
    "no such index": (lambda op: op.backfill("t", {"c": "1"}, key=["b"]), UsageError, r"begins with \(b\)"),
    "a view": (lambda op: op.backfill("seen", {"c": "1"}), UsageError, "'seen' is a view"),
    "wrong SQL": (lambda op: op.backfill("t", {"c": "b +"}), UsageError, "syntax error"),
    "wrong where": (lambda op: op.backfill("t", {"c": "1"}, "zz = 1"), UsageError, 'column "zz" does not exist'),
    "wrong type": (lambda op: op.backfill("t", {"c": "now()"}, "c is null"), UsageError, "is of type integer but"),
    "generated": (lambda op: op.backfill("made", {"b": "1"}), UsageError, "is generated"),
    "always true": (lambda op: op.backfill("t", {"c": "1"}, "b > 0"), RefusedError, "'b > 0', is still true of 500 of"),
    "chance": (lambda op: op.backfill("t", {"c": "random() * 1e6"}), RefusedError, "would never end"),
    "still NULL": (lambda op: op.backfill("t", {"c": "null"}, "c is null"), RefusedError, r"\(id 1, 2, 3, 4, 5\)"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_a_sentence_and_nothing_changed(
    scratch: Database, wrong: tuple[Callable[[Any], object], type[SurefootError], str]
) -> None:
    table(scratch)
    scratch.execute(
        "create table loose (a integer)",
        "create view seen as select * from t",
        "create table made (a integer primary key, b integer generated always as (a + 1) stored)",
    )
    work, kind, sentence = wrong
    before = scratch.rows("select * from t order by id")
    with pytest.raises(kind, match=sentence) as raised:
        run(scratch, work)
    assert raised.value.remedy
    assert scratch.rows("select * from t order by id") == before


def test_rows_that_a_policy_hides_are_not_passed_over(scratch: Database) -> None:
    table(scratch, rows=10)
    scratch.execute(
        "create role hidden_from",
        "grant create on schema public to hidden_from",
        "alter table t owner to hidden_from",
        "alter table t enable row level security, force row level security",
        "create policy part on t using (id > 5)",
    )
    try:
        with operations(scratch) as op:
            op.get_bind().exec_driver_sql("set role hidden_from")
            op.get_bind().commit()
            with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
                op.backfill("t", {"c": "b"}, "c is null")
    finally:
        scratch.execute("drop owned by hidden_from cascade", "drop role hidden_from")


def test_a_where_that_reads_the_table_itself_is_not_taken_for_an_endless_one(scratch: Database) -> None:
    """RETURNING sees other rows as they were: what looks unfinished by it is looked at again."""
    table(scratch, rows=50)
    where = "exists (select from t as same where same.id = t.id and same.c is null)"
    run(scratch, lambda op: op.backfill("t", {"c": "b"}, where))
    assert scratch.value("select count(*) from t where c = b") == 50


def test_as_a_revision_up_and_through_psql(database: Database, project: Path) -> None:
    made = f"op.execute('create table t ({KEYS['composite']}, b integer, c integer)')"
    filled = FILL["composite"].format(12_000)
    write(empty(project), "one", None, f"{made}\nop.execute({filled!r})", "op.drop_table('t')")
    write(project, "two", "one", "op.backfill('t', {'c': 'b % 5'}, \"c is null and 'a:b' <> '%'\")")
    database.alembic("upgrade", "one", cwd=project)
    printed = database.alembic("upgrade", "one:two", "--sql", cwd=project).stdout
    database.psql(stdin=printed)
    assert database.value("select count(*) from t where c = b % 5") == 12_000
    database.execute("update t set c = null")
    database.alembic("downgrade", "one", cwd=project)
    database.alembic("upgrade", "two", cwd=project)
    assert database.value("select count(*) from t where c = b % 5") == 12_000


def test_offline_without_a_where_and_a_key(scratch: Database, project: Path) -> None:
    write(empty(project), "one", None, "op.backfill('t', {'n': 'b / 7.0', 'j': 'json_build_object(1, b)'}, key='id')")
    table(scratch, rows=6000)
    scratch.psql(stdin=scratch.alembic("upgrade", "head", "--sql", cwd=project).stdout)
    assert scratch.value("select count(*) from t where n = round(b / 7.0, 1) and j ->> '1' = b::text") == 6000


def test_rendered_as_it_is_written() -> None:
    context = AutogenContext(MigrationContext.configure(dialect_name="postgresql"))
    context.opts.update({"alembic_module_prefix": "op.", "sqlalchemy_module_prefix": "sa."})
    op = BackfillOp("t", {"c": "b's"}, "c is null", key=["a", "id"])
    assert render_op_text(context, op) == """op.backfill('t', {'c': "b's"}, 'c is null', key=['a', 'id'])"""
