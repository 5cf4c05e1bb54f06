"""A rule put in the place of another of its name: added beside it first, so that there is no moment without one."""

from collections.abc import Callable
from typing import Any

import pytest

from surefoot.errors import RefusedError, UsageError
from tests.support.databases import Database
from tests.surefoot.online.harness import MARKS, assert_equal, catalogue, run, when

Work = Callable[[Any], object]

OLD = (
    "alter table marks add constraint rule check (points >= 0)",
    "alter table marks add constraint rule foreign key (pupil_id) references pupils (id)",
    "alter table marks add constraint rule unique (subject)",
    "create unique index rule on marks (subject)",
    "create unique index rule on marks (subject) where points >= 0",
    "alter table marks add constraint rule unique (subject)",
)
NEW: tuple[tuple[Work, str], ...] = (
    (lambda op: op.add_check_online("rule", "marks", "points > 1 or points is null", replace=True),
     "alter table marks add constraint rule check (points > 1 or points is null)"),
    (lambda op: op.add_foreign_key_online("rule", "marks", "marks", ["pupil_id"], ["id"], ondelete="SET NULL",
                                          replace=True),
     "alter table marks add constraint rule foreign key (pupil_id) references marks (id) on delete set null"),
    (lambda op: op.add_unique_online("rule", "marks", ["pupil_id"], replace=True),
     "alter table marks add constraint rule unique (pupil_id)"),
    (lambda op: op.create_index_online("rule", "marks", ["pupil_id"], unique=True, replace=True),
     "create unique index rule on marks (pupil_id)"),
)  # fmt: skip
NEW += (NEW[2], NEW[3])
BROKEN = ("update marks set points = 1", "update marks set pupil_id = null, points = 2")
KINDS = ("check", "foreign-key", "unique", "index", "index by unique", "unique by index")
DEFINITION = "select pg_get_constraintdef(oid), convalidated from pg_constraint where conname = 'rule'"
IN_THE_WAY = "select 1 from pg_constraint where conname like 'ourschool%' union select 1 from pg_class where relname like 'ourschool%'"  # noqa: E501


@pytest.mark.parametrize("nth", range(6), ids=KINDS)
def test_it_takes_the_place(scratch: Database, nth: int) -> None:
    work, plain = NEW[nth]
    scratch.execute(*MARKS, "update marks set points = 3, pupil_id = null")
    scratch.execute(plain)
    expected = catalogue(scratch)
    scratch.execute("drop index rule" if "index" in plain else "alter table marks drop constraint rule", OLD[nth])

    run(scratch, work)
    assert_equal(expected, catalogue(scratch))
    run(scratch, work)
    assert_equal(expected, catalogue(scratch))
    assert scratch.rows(IN_THE_WAY) == []


@pytest.mark.parametrize("nth", range(6), ids=KINDS)
def test_rows_that_break_it_leave_the_old_one(scratch: Database, nth: int) -> None:
    scratch.execute(*MARKS, OLD[nth], "update marks set points = 1")
    if nth == 1:
        scratch.execute("delete from marks where id < 11")
    before = catalogue(scratch)

    with pytest.raises(RefusedError, match="would break"):
        run(scratch, NEW[nth][0])

    assert_equal(before, catalogue(scratch))


@pytest.mark.parametrize("nth", range(6), ids=KINDS)
def test_a_row_that_comes_meanwhile_leaves_the_old_one(scratch: Database, nth: int) -> None:
    """Between the look at the rows and the end of it: the old rule holds all the time."""
    scratch.execute(*MARKS, OLD[nth], "update marks set points = 3, pupil_id = null")
    before = catalogue(scratch)
    breaks = ("update marks set points = 0 where id = 1", "update marks set pupil_id = 8 where id = 1",
              *["update marks set pupil_id = 1 where id < 3"] * 4)[nth]  # fmt: skip
    words = "not valid" if nth < 2 else "CREATE UNIQUE INDEX CONCURRENTLY"
    if nth == 1:
        scratch.execute("delete from marks where id = 8")

    def work(op: Any) -> None:
        when(op, words, lambda: scratch.execute(breaks))
        NEW[nth][0](op)

    with pytest.raises(RefusedError):
        run(scratch, work)

    assert_equal(before, catalogue(scratch))


@pytest.mark.parametrize("nth", range(6), ids=KINDS)
def test_without_being_asked_it_replaces_nothing(scratch: Database, nth: int) -> None:
    scratch.execute(*MARKS, OLD[nth], "update marks set points = 3, pupil_id = null")
    plain: tuple[Work, ...] = (
        lambda op: op.add_check_online("rule", "marks", "points > 1"),
        lambda op: op.add_foreign_key_online("rule", "marks", "marks", ["pupil_id"], ["id"]),
        lambda op: op.add_unique_online("rule", "marks", ["pupil_id"]),
        lambda op: op.create_index_online("rule", "marks", ["pupil_id"], unique=True),
    )
    plain += (plain[2], plain[3])
    with pytest.raises(UsageError, match="The name 'rule' is taken"):
        run(scratch, plain[nth])


@pytest.mark.parametrize("nth", [2, 5])
def test_what_a_foreign_key_needs_is_not_replaced(scratch: Database, nth: int) -> None:
    scratch.execute(
        *MARKS, OLD[2], "create table notes (subject character varying references marks (subject))",
        "update marks set pupil_id = id",
    )  # fmt: skip
    before = catalogue(scratch)
    with pytest.raises(UsageError, match="is needed by foreign key notes_subject_fkey of notes"):
        run(scratch, NEW[nth][0])
    assert_equal(before, catalogue(scratch))


def test_what_was_cut_off_goes_on(scratch: Database) -> None:
    """One that stands beside the old one, validated or not, is taken up; another definition under that name goes."""
    for left in ("check (points > 1 or points is null) not valid", "check (points > 7) not valid"):
        scratch.execute("drop table if exists marks, pupils", *MARKS, OLD[0], "update marks set points = 3")
        scratch.execute(f"alter table marks add constraint ourschool_unnamed_rule {left}")
        run(scratch, NEW[0][0])
        assert scratch.rows(DEFINITION) == [("CHECK (((points > (1)::numeric) OR (points IS NULL)))", True)]
        assert scratch.rows(IN_THE_WAY) == []
