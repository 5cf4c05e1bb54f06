"""CHECKs added and constraints of every kind dropped beside the users' work."""

from typing import Any

import pytest
import sqlalchemy as sa

from surefoot.errors import RefusedError, UsageError
from tests.support.databases import Database
from tests.surefoot.online.harness import MARKS, Work, assert_equal, catalogue, operations, run, when

CONDITIONS: dict[str, str | sa.TextClause | sa.ColumnElement[bool]] = {
    "list": "subject in ('Art', 'Music') or points >= 0",
    "awkward": "note not like '100%:\\%' and subject <> '$$ {x} :y' and (points * 2)::integer > 0",
    "qualified": "marks.points > 0",
    "text": sa.text("points % 1 = 0"),
    "expression": sa.and_(sa.column("points") > 0, sa.column("subject").like("%S%")),
}


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
def test_equal_to_the_plain_one_and_added_once(
    database: Database, condition: str | sa.TextClause | sa.ColumnElement[bool]
) -> None:
    database.execute(*MARKS)
    before = catalogue(database)
    if isinstance(condition, str):  # Alembic would take what follows a colon in a literal for a parameter
        database.execute(f"alter table marks add constraint marks_check check ({condition})")
    else:
        run(database, lambda op: op.create_check_constraint("marks_check", "marks", condition))
    expected = catalogue(database)
    database.execute("alter table marks drop constraint marks_check")
    run(database, lambda op: op.add_check_online("marks_check", "marks", condition))
    assert_equal(expected, catalogue(database))
    added = database.value("select oid from pg_constraint where conname = 'marks_check'")
    run(database, lambda op: op.add_check_online("marks_check", "marks", condition))
    assert database.value("select oid from pg_constraint where conname = 'marks_check'") == added
    run(database, lambda op: op.drop_constraint_online("marks_check", "marks"))
    assert_equal(before, catalogue(database))
    run(database, lambda op: op.drop_constraint_online("marks_check", "marks"))


def test_one_that_is_not_valid_is_validated(database: Database) -> None:
    database.execute(*MARKS, "alter table marks add constraint marks_check check (points > 0) not valid")
    run(database, lambda op: op.add_check_online("marks_check", "marks", "points > 0"))
    assert database.rows("select convalidated, conbin is null from pg_constraint where conname = 'marks_check'") == [
        (True, False)
    ]


def test_old_rows_are_read_once_the_lock_that_stops_others_is_given_back(database: Database) -> None:
    database.execute(*MARKS)
    seen: list[object] = []

    def add(op: Any) -> None:
        query = "select convalidated from pg_constraint where conname = 'marks_check'"
        when(op, "validate constraint", lambda: seen.append(database.value(query)))
        op.add_check_online("marks_check", "marks", "points > 0")

    run(database, add)
    assert seen == [False]


def test_rows_that_break_it_are_counted_and_sampled(database: Database) -> None:
    database.execute(*MARKS, "update marks set points = null where id = 1")
    before = catalogue(database)
    with pytest.raises(RefusedError) as refused:
        run(database, lambda op: op.add_check_online("marks_check", "marks", "points > 8"))
    assert refused.value.message == (
        "7 rows of marks would break marks_check CHECK (points > 8::numeric): id 2, 3, 4, 5, 6 and 2 more."
    )
    assert_equal(before, catalogue(database))


def test_rows_of_a_table_with_a_key_of_two_or_none(scratch: Database) -> None:
    scratch.execute(
        "create table pairs (a integer, b text, primary key (b, a))",
        "insert into pairs values (1, 'x'), (2, 'y, z')",
        "create table heap (a integer)",
        "insert into heap values (1), (2)",
    )
    for table, said in (("pairs", "(b, a) (x, 1), (y, z, 2)."), ("heap", "ctid (0,1), (0,2).")):
        with operations(scratch) as op, pytest.raises(RefusedError) as refused:
            op.add_check_online("positive", table, "a < 0")
        assert refused.value.message.endswith(said)


def test_a_row_that_comes_while_it_is_added_is_named_and_nothing_is_left(scratch: Database) -> None:
    scratch.execute(*MARKS)
    before = catalogue(scratch)

    def add(op: Any) -> None:
        when(op, "not valid", lambda: scratch.execute("update marks set points = -1 where id = 50"))
        op.add_check_online("marks_check", "marks", "points > 0")

    with pytest.raises(RefusedError, match=r"1 row of marks would break marks_check .*: id 50\."):
        run(scratch, add)
    assert_equal(before, catalogue(scratch))


def test_one_that_was_found_not_valid_stays_where_rows_break_it(scratch: Database) -> None:
    scratch.execute(*MARKS, "alter table marks add constraint marks_check check (points > 1) not valid")
    before = catalogue(scratch)
    with pytest.raises(RefusedError, match=r"1 row of marks would break marks_check .*: id 1\."):
        run(scratch, lambda op: op.add_check_online("marks_check", "marks", "points > 1"))
    assert_equal(before, catalogue(scratch))


WRONG: dict[str, tuple[Work, str]] = {
    "no table": (lambda op: op.add_check_online("c", "mark", "true"), "no table 'mark'"),
    "no column": (lambda op: op.add_check_online("c", "marks", "mark > 0"), 'column "mark" does not exist'),
    "no SQL": (lambda op: op.add_check_online("c", "marks", "points >"), "syntax error"),
    "no boolean": (lambda op: op.add_check_online("c", "marks", "points"), "must be type boolean"),
    "a query": (lambda op: op.add_check_online("c", "marks", "exists (select 1)"), "cannot use subquery"),
    "a schema": (lambda op: op.add_check_online("c", "marks", "true", schema="x"), "schema='x'"),
    "another check": (
        lambda op: op.add_check_online("marks_points", "marks", "points > 1"),
        "there is CHECK (points > 0::numeric), wanted is CHECK (points > 1::numeric)",
    ),
    "another kind": (
        lambda op: op.add_check_online("marks_pkey", "marks", "points > 1"), "there is PRIMARY KEY (id), wanted is",
    ),
    "drop: no table": (lambda op: op.drop_constraint_online("c", "mark"), "no table 'mark'"),
    "drop: needed": (lambda op: op.drop_constraint_online("pupils_pkey", "pupils"), "marks_pupil_fkey of marks"),
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_one_sentence_and_changes_nothing(scratch: Database, wrong: Work, said: str) -> None:
    scratch.execute(
        *MARKS,
        "alter table marks add constraint marks_points check (points > 0)",
        "alter table marks add constraint marks_pupil_fkey foreign key (pupil_id) references pupils",
    )
    before = catalogue(scratch)
    with pytest.raises(UsageError) as refused:
        run(scratch, wrong)
    assert said in refused.value.message
    assert_equal(before, catalogue(scratch))
