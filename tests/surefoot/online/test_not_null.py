"""NOT NULL set and lifted beside the users' work, natively on 18 and through a CHECK before."""

from typing import Any

import pytest

from surefoot.errors import RefusedError, UsageError
from tests.support.databases import Database
from tests.surefoot.online.harness import MARKS, Work, assert_equal, catalogue, operations, run, when


def test_equal_to_the_plain_one_and_the_way_back(database: Database) -> None:
    database.execute(*MARKS)
    before = catalogue(database)
    database.execute("alter table marks alter column points set not null")
    expected, name = catalogue(database), not_null_names(database)
    database.execute("alter table marks alter column points drop not null")
    run(database, *[lambda op: op.set_not_null_online("marks", "points")] * 2)
    assert_equal(expected, catalogue(database))
    assert not_null_names(database) == name
    run(database, *[lambda op: op.drop_not_null_online("marks", "points")] * 2)
    assert_equal(before, catalogue(database))


def test_one_that_was_cut_off_is_finished_or_taken_back(database: Database) -> None:
    database.execute(*MARKS)
    before = catalogue(database)
    run(database, lambda op: op.set_not_null_online("marks", "points"))
    expected = catalogue(database)
    half = (
        "alter table marks add not null points not valid"
        if database.server.major >= 18
        else "alter table marks add constraint ourschool_marks_points_not_null check (points is not null) not valid"
    )
    for again, result in (("set_not_null_online", expected), ("drop_not_null_online", before)):
        database.execute("alter table marks alter column points drop not null", half)
        with operations(database) as op:
            getattr(op, again)("marks", "points")
        assert_equal(result, catalogue(database))


CHECK = "alter table marks add constraint ourschool_marks_points_not_null check (points is not null) not valid"


@pytest.mark.parametrize(
    "half",
    [
        [CHECK],
        [CHECK, "alter table marks validate constraint ourschool_marks_points_not_null"],
        [CHECK, "alter table marks add not null points not valid"],
        [CHECK, "alter table marks alter points set not null"],
    ],
    ids=["added", "validated", "and natively", "set"],
)
def test_what_was_begun_through_a_check_is_finished_on_18_as_well(scratch: Database, half: list[str]) -> None:
    """Printed SQL was cut off there, or the database was dumped half-way on an older server."""
    scratch.execute(*MARKS)
    run(scratch, lambda op: op.set_not_null_online("marks", "points"))
    expected, name = catalogue(scratch), not_null_names(scratch)
    scratch.execute("alter table marks alter points drop not null", *half)
    run(scratch, lambda op: op.set_not_null_online("marks", "points"))
    assert_equal(expected, catalogue(scratch))
    assert not_null_names(scratch) == name


def test_where_nulls_refuse_it_the_check_of_an_older_server_goes_too(scratch: Database) -> None:
    scratch.execute(*MARKS)
    before = catalogue(scratch)
    scratch.execute("update marks set points = null where id = 5", CHECK)
    with pytest.raises(RefusedError, match="1 row of marks would break NOT NULL of points: id 5"):
        run(scratch, lambda op: op.set_not_null_online("marks", "points"))
    assert_equal(before, catalogue(scratch))


def test_nulls_are_counted_and_sampled(database: Database) -> None:
    database.execute(*MARKS, "update marks set points = null where id in (5, 7)")
    before = catalogue(database)
    with pytest.raises(RefusedError) as refused:
        run(database, lambda op: op.set_not_null_online("marks", "points"))
    assert refused.value.message == "2 rows of marks would break NOT NULL of points: id 5, 7."
    assert_equal(before, catalogue(database))


def test_a_null_that_comes_while_it_is_set_is_named_and_nothing_is_left(database: Database) -> None:
    database.execute(*MARKS)
    before = catalogue(database)

    def set_it(op: Any) -> None:
        when(op, "not valid", lambda: database.execute("update marks set points = null where id = 50"))
        op.set_not_null_online("marks", "points")

    with pytest.raises(RefusedError, match=r"1 row of marks would break NOT NULL of points: id 50\."):
        run(database, set_it)
    assert_equal(before, catalogue(database))


def test_setting_it_reads_no_row_under_an_exclusive_lock(database: Database) -> None:
    """SET NOT NULL before 18 would read the whole table, were there no validated CHECK: the server says which."""
    database.execute(*MARKS)
    said: list[str] = []

    def set_it(op: Any) -> None:
        driver = op.get_bind().connection.driver_connection
        driver.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
        driver.execute("set client_min_messages = debug1")
        driver.commit()
        when(op, "set not null", said.clear)
        op.set_not_null_online("marks", "points")

    run(database, set_it)
    if database.server.major < 18:
        assert any("sufficient to prove" in text for text in said)
        assert not any("verifying table" in text for text in said)
    else:
        assert sum("verifying table" in text for text in said) == 1  # by VALIDATE, which stops nobody


WRONG: dict[str, tuple[Work, str]] = {
    "no table": (lambda op: op.set_not_null_online("mark", "points"), "no table 'mark'"),
    "no column": (lambda op: op.set_not_null_online("marks", "mark"), "no column 'mark'"),
    "a schema": (lambda op: op.set_not_null_online("marks", "points", schema="x"), "schema='x'"),
    "drop: no table": (lambda op: op.drop_not_null_online("mark", "points"), "no table 'mark'"),
    "drop: no column": (lambda op: op.drop_not_null_online("marks", "mark"), "no column 'mark'"),
    "drop: the key": (lambda op: op.drop_not_null_online("marks", "id"), "part of the primary key"),
    "drop: identity": (lambda op: op.drop_not_null_online("numbers", "n"), "an identity"),
}


@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_one_sentence_and_changes_nothing(scratch: Database, wrong: Work, said: str) -> None:
    scratch.execute(*MARKS, "create table numbers (n integer generated always as identity)")
    before = catalogue(scratch)
    with pytest.raises(UsageError) as refused:
        run(scratch, wrong)
    assert said in refused.value.message
    assert_equal(before, catalogue(scratch))


def not_null_names(database: Database) -> list[tuple[object, ...]]:
    return database.rows("select conname from pg_constraint where contype = 'n' and conrelid = 'marks'::regclass")
