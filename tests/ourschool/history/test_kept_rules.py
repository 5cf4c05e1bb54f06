"""What broke a rule is mended and given back; an application that knows nothing of the rules goes on as before."""

import datetime as dt
import logging
from decimal import Decimal

import pytest

from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import CHAIN, at, catalogue, columns, cut_off, downgrade, upgrade
from tests.ourschool.history.small import SCHOOL, contents
from tests.support.databases import Database

ASSIGNMENTS, GRADES = "3ed7125a9fc8", "84b1f60ce27d"
BEFORE = CHAIN[CHAIN.index(ASSIGNMENTS) - 1]
ROW = """
insert into student_assignments (id, template_id, student_id, assigned_date, assigned_by, status, is_graded,
                                 graded_date, due_date, extended_due_date, points_earned, percentage_grade, updated_at)
values ({id}, 1, 3, '2025-01-01', 2, '{status}', {is_graded}, {graded}, {due}, {extended}, {points}, {percent},
        '2025-03-01 12:00+00')
"""
PLAIN = {"status": "not_started", "is_graded": "false", "graded": "null", "due": "null", "extended": "null",
         "points": "null", "percent": "null"}  # fmt: skip
DAY, CHANGED = dt.datetime(2025, 2, 1, tzinfo=dt.UTC), dt.datetime(2025, 3, 1, 12, tzinfo=dt.UTC)
# id: what differs from PLAIN, and then graded_at, extended_due_date, points_earned, percentage_grade
CASES: dict[int, tuple[dict[str, str], tuple[object, ...]]] = {
    10: ({}, (None, None, None, None)),
    11: ({"status": "graded", "is_graded": "true", "graded": "'2025-02-01'", "points": "9", "percent": "90"},
         (DAY, None, Decimal(9), Decimal(90))),
    12: ({"status": "graded", "is_graded": "true"}, (CHANGED, None, None, None)),
    13: ({"status": "graded"}, (CHANGED, None, None, None)),
    14: ({"status": "submitted", "is_graded": "true", "graded": "'2025-02-01'"}, (DAY, None, None, None)),
    15: ({"status": "submitted", "graded": "'2025-02-01'"}, (DAY, None, None, None)),
    16: ({"due": "'2025-02-10'", "extended": "'2025-02-09'"}, (None, None, None, None)),
    17: ({"due": "'2025-02-10'", "extended": "'2025-02-10'"}, (None, dt.date(2025, 2, 10), None, None)),
    18: ({"extended": "'2025-02-09'"}, (None, dt.date(2025, 2, 9), None, None)),
    19: ({"points": "-0.5", "percent": "-5", "due": "'2025-02-10'", "extended": "'2025-02-09'"},
         (None, None, Decimal(0), Decimal(0))),
    20: ({"points": "'NaN'", "percent": "'Infinity'"}, (None, None, None, None)),
    21: ({"points": "'-Infinity'", "percent": "150.25"}, (None, None, None, Decimal("150.25"))),
    22: ({"points": "0", "percent": "0"}, (None, None, Decimal(0), Decimal(0))),
}  # fmt: skip
BROKEN = {16, 19, 20, 21}
FOUND = "select id, graded_at, extended_due_date, points_earned, percentage_grade from student_assignments where id > 9"
GRADE = """
insert into student_term_grades (id, student_id, term_subject_id, is_finalized, finalized_date, current_percentage,
                                 final_points_earned, updated_at)
values ({id}, {id}, 1, {final}, {day}, {percent}, {points}, '2025-03-01 12:00+00')
"""
# final, day, percentage, points; and then finalized_at, percentage, points
GRADED: dict[int, tuple[tuple[str, str, str, str], tuple[object, ...]]] = {
    10: (("false", "null", "null", "null"), (None, None, None)),
    11: (("true", "'2025-02-01'", "90.5", "9"), (DAY, Decimal("90.5"), Decimal(9))),
    12: (("true", "null", "-1", "-0.25"), (CHANGED, Decimal(0), Decimal(0))),
    13: (("false", "'2025-02-01'", "'NaN'", "'Infinity'"), (None, None, None)),
}
GRADES_FOUND = "select id, finalized_at, current_percentage, final_points_earned from student_term_grades where id > 9"


@pytest.fixture
def before(at_revision: Stop) -> Database:
    database = at_revision(BEFORE)
    database.execute(
        *SCHOOL,
        *(ROW.format(id=number, **(PLAIN | given)) for number, (given, _) in CASES.items()),
        "insert into users (id, email, username, hashed_password, first_name, last_name, role) "
        "select n, n, n, '-', '', '', 'student' from generate_series(10, 20) as n",
        *(GRADE.format(id=number, final=final, day=day, percent=percent, points=points)
          for number, ((final, day, percent, points), _) in GRADED.items()),
    )  # fmt: skip
    return database


def found(database: Database, query: str) -> dict[object, tuple[object, ...]]:
    return {row[0]: row[1:] for row in database.rows(query)}


def test_rules_up_down_and_up(before: Database, caplog: pytest.LogCaptureFixture) -> None:
    stops = [(BEFORE, catalogue(before), contents(before))]
    with caplog.at_level(logging.WARNING):
        upgrade(before, ASSIGNMENTS)
        stops.append((ASSIGNMENTS, catalogue(before), contents(before)))
        upgrade(before, GRADES)
    head = catalogue(before), contents(before)
    assert found(before, FOUND) == {number: expected for number, (_, expected) in CASES.items()}
    assert found(before, GRADES_FOUND) == {number: expected for number, (_, expected) in GRADED.items()}
    assert before.rows("select finalized_date::text from student_term_grades where id = 13") == [("2025-02-01",)]
    assert f"student_assignments: {len(BROKEN)} rows broke a rule" in caplog.text
    assert "student_term_grades: 2 rows broke a rule" in caplog.text
    kept = columns(before, f"select row_id, points_earned::text from retired.student_assignments_mended_{ASSIGNMENTS}")
    assert kept == {16: None, 19: "-0.5", 20: "NaN", 21: "-Infinity"}
    for revision, schema, rows in reversed(stops):
        downgrade(before, revision)
        assert (catalogue(before), contents(before)) == (schema, rows)
    upgrade(before, GRADES)
    assert (catalogue(before), contents(before)) == head


def test_what_was_changed_since_is_not_undone_and_nobody_else_gets_what_was_kept(before: Database) -> None:
    upgrade(before, GRADES)
    before.execute(
        "update student_assignments set points_earned = 3 where id = 19",
        "delete from student_assignments where id = 20",
        "update student_term_grades set current_percentage = 50 where id = 12",
    )
    downgrade(before, BEFORE)
    rows = found(before, FOUND.replace("graded_at, ", ""))
    assert rows[19] == (dt.date(2025, 2, 9), Decimal(3), Decimal(-5))
    grades = found(before, GRADES_FOUND.replace("finalized_at, ", ""))
    assert grades[12] == (Decimal(50), Decimal("-0.25"))
    before.execute(ROW.format(id=20, **(PLAIN | {"points": "1"})))
    upgrade(before, GRADES)
    downgrade(before, BEFORE)
    assert found(before, FOUND.replace("graded_at, ", ""))[20] == (None, Decimal(1), None)


def test_what_was_handed_in_at_head_comes_back_with_the_columns(before: Database) -> None:
    upgrade(before, GRADES)
    before.execute(
        "update student_assignments set artifacts = '[\"a.pdf\"]', submission_method = 'paper', "
        "graded_at = '2025-02-03 04:05:06+00' where id = 11"
    )
    rows = contents(before)
    downgrade(before, BEFORE)
    before.execute(
        "update student_assignments set status = 'graded' where id = 10",
        "update student_term_grades set is_finalized = not is_finalized where id in (11, 13)",
    )
    upgrade(before, GRADES)
    handed_in = "select artifacts, submission_method, graded_at from student_assignments where id = 11"
    assert before.rows(handed_in) == [(["a.pdf"], "paper", dt.datetime(2025, 2, 3, 4, 5, 6, tzinfo=dt.UTC))]
    assert before.value("select graded_at is not null from student_assignments where id = 10") is True
    assert before.rows("select id, is_finalized, finalized_at is not null from student_term_grades "
                       "where id in (11, 13) order by id") == [(11, False, False), (13, True, True)]  # fmt: skip
    assert rows["users"] == contents(before)["users"]


def test_an_application_that_does_not_know_graded_at_and_finalized_at(before: Database) -> None:
    """Statements valid before are valid after, and say the right thing."""
    upgrade(before, GRADES)
    at_ = "select graded_at = {} from student_assignments where id = {}"
    before.execute("update student_assignments set status = 'graded' where id = 10")
    assert before.value("select now() - graded_at < interval '1 minute' from student_assignments where id = 10") is True
    before.execute("update student_assignments set status = 'graded', graded_date = '2025-02-07' where id = 22")
    assert before.value(at_.format("'2025-02-07 00:00+00'", 22)) is True
    before.execute(ROW.format(id=30, **(PLAIN | {"status": "graded", "graded": "'2025-02-08'"})))
    assert before.value(at_.format("'2025-02-08 00:00+00'", 30)) is True
    before.execute("update student_assignments set graded_date = '2025-02-09' where id = 30")
    assert before.value(at_.format("'2025-02-09 00:00+00'", 30)) is True
    before.execute("update student_assignments set graded_date = null where id = 30")
    assert before.value(at_.format("'2025-02-09 00:00+00'", 30)) is True
    before.execute("update student_assignments set status = 'graded', graded_at = '2025-02-10 08:00+00', "
                   "graded_date = '2025-02-10' where id = 30")  # fmt: skip
    assert before.value(at_.format("'2025-02-10 08:00+00'", 30)) is True

    state = "select is_finalized, finalized_at is not null from student_term_grades where id = {}"
    before.execute("update student_term_grades set is_finalized = true, finalized_date = '2025-06-30' where id = 10")
    assert before.rows("select finalized_at = '2025-06-30 00:00+00' from student_term_grades where id = 10") == [
        (True,)
    ]
    before.execute("update student_term_grades set is_finalized = false where id = 10")
    assert before.rows(state.format(10)) == [(False, False)]
    before.execute(GRADE.format(id=14, final="true", day="null", percent="1", points="1"))
    assert before.rows(state.format(14)) == [(True, True)]
    before.execute("update student_term_grades set current_percentage = 2 where id = 14")
    assert before.rows(state.format(14)) == [(True, True)]


@pytest.mark.parametrize("revision", [ASSIGNMENTS, GRADES])
def test_a_run_that_was_cut_off_just_before_its_record_is_simply_run_again(before: Database, revision: str) -> None:
    below = CHAIN[CHAIN.index(revision) - 1]
    upgrade(before, below)
    there = catalogue(before), contents(before)
    upgrade(before, revision)
    head = catalogue(before), contents(before)
    downgrade(before, below)
    cut_off(before, "upgrade", revision)
    upgrade(before, revision)
    assert (at(before), catalogue(before), contents(before)) == ([revision], *head)
    cut_off(before, "downgrade", below)
    downgrade(before, below)
    assert (catalogue(before), contents(before)) == there
