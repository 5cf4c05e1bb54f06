"""Unique constraints added beside the users' work: duplicates named first, the index built concurrently."""

from typing import Any

import pytest

from surefoot.errors import RefusedError, UsageError
from tests.support.databases import Database
from tests.surefoot.online.harness import MARKS, Work, assert_equal, catalogue, run, when

OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("unique (subject, pupil_id)", {}),
    "nulls": ("unique nulls not distinct (subject, pupil_id)", {"nulls_not_distinct": True}),
    "deferred": (
        "unique (subject, pupil_id) deferrable initially deferred", {"deferrable": True, "initially": "DEFERRED"},
    ),
    "deferrable": ("unique (subject, pupil_id) deferrable", {"deferrable": True}),
}  # fmt: skip


@pytest.mark.parametrize(("plain", "options"), OPTIONS.values(), ids=OPTIONS)
def test_equal_to_the_plain_one_and_added_once(database: Database, plain: str, options: dict[str, Any]) -> None:
    database.execute(*MARKS, "update marks set pupil_id = null where id > 90")
    before = catalogue(database)
    database.execute(f"alter table marks add constraint marks_key {plain}")
    expected = catalogue(database)
    database.execute("alter table marks drop constraint marks_key")
    add: Work = lambda op: op.add_unique_online(  # noqa: E731
        "marks_key", "marks", ["subject", "pupil_id"], **options
    )
    run(database, add)
    assert_equal(expected, catalogue(database))
    added = database.value("select oid from pg_constraint where conname = 'marks_key'")
    run(database, add)
    assert database.value("select oid from pg_constraint where conname = 'marks_key'") == added
    run(database, lambda op: op.drop_constraint_online("marks_key", "marks"))
    assert_equal(before, catalogue(database))


def test_an_index_that_a_cut_off_run_left_is_used_where_it_is_valid(database: Database) -> None:
    database.execute(*MARKS, "create unique index marks_key on marks (subject)")
    built = database.value("select 'marks_key'::regclass::oid")
    run(database, lambda op: op.add_unique_online("marks_key", "marks", ["subject"]))
    assert database.value("select conindid from pg_constraint where conname = 'marks_key'") == built


def test_duplicates_are_counted_and_sampled(database: Database) -> None:
    database.execute(
        *MARKS, "update marks set subject = 'Art' where id in (5, 7)", "update marks set subject = null where false"
    )
    before = catalogue(database)
    with pytest.raises(RefusedError) as refused:
        run(database, lambda op: op.add_unique_online("marks_key", "marks", ["subject"]))
    assert refused.value.message == "2 rows of marks would break unique index marks_key: id 5 = 7."
    assert_equal(before, catalogue(database))


def test_nulls_are_duplicates_only_where_that_is_wanted(scratch: Database) -> None:
    scratch.execute(*MARKS)
    run(scratch, lambda op: op.add_unique_online("one", "marks", ["note"]))
    with pytest.raises(RefusedError, match=r"100 rows of marks .*: id 1 = 2 = 3 = 4 = 5\."):
        run(scratch, lambda op: op.add_unique_online("other", "marks", ["note"], nulls_not_distinct=True))


def test_a_duplicate_that_comes_while_it_is_built_is_named_and_nothing_is_left(scratch: Database) -> None:
    scratch.execute(*MARKS)
    before = catalogue(scratch)

    def add(op: Any) -> None:
        when(op, "INDEX CONCURRENTLY", lambda: scratch.execute("update marks set subject = 'Subject 1' where id = 50"))
        op.add_unique_online("marks_key", "marks", ["subject"])

    with pytest.raises(RefusedError, match=r"2 rows of marks would break unique index marks_key: id 1 = 50\."):
        run(scratch, add)
    assert_equal(before, catalogue(scratch))


WRONG: dict[str, tuple[Work, str]] = {
    "no table": (lambda op: op.add_unique_online("k", "mark", ["id"]), "no table 'mark'"),
    "no column": (lambda op: op.add_unique_online("k", "marks", ["mark"]), "no column 'mark'"),
    "no columns": (lambda op: op.add_unique_online("k", "marks", []), "does not take k on marks: syntax error"),
    "no time": (lambda op: op.add_unique_online("k", "marks", ["id"], initially="SOON"), "initially='SOON'"),
    "a schema": (lambda op: op.add_unique_online("k", "marks", ["id"], schema="x"), "schema='x'"),
    "other columns": (
        lambda op: op.add_unique_online("taken", "marks", ["id"]), "is UNIQUE (id, subject), wanted is UNIQUE (id)",
    ),
    "other kind": (lambda op: op.add_unique_online("marks_pkey", "marks", ["id"]), "there is PRIMARY KEY (id), wanted"),
    "a table": (lambda op: op.add_unique_online("pupils", "marks", ["id"]), "there is a table, wanted is"),
    "an index": (lambda op: op.add_unique_online("ix", "marks", ["subject"]), "CREATE INDEX ix ON marks"),
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_one_sentence_and_changes_nothing(scratch: Database, wrong: Work, said: str) -> None:
    scratch.execute(
        *MARKS, "alter table marks add constraint taken unique (id, subject)", "create index ix on marks (subject)"
    )
    before = catalogue(scratch)
    with pytest.raises(UsageError) as refused:
        run(scratch, wrong)
    assert said in refused.value.message
    assert_equal(before, catalogue(scratch))
