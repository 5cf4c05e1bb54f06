"""Totals of minutes become entries: none lost, none made up, and the way back gives each total as it was."""

import json
import logging

import pytest

from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import HISTORY, Row, at, catalogue, columns, cut_off, downgrade, upgrade
from tests.support.databases import Database

REVISION = next(script.revision for script in HISTORY.walk_revisions() if script.doc.startswith("time entries"))
BEFORE = str(HISTORY.get_revision(REVISION).down_revision)
RETIRED = f"retired.student_assignments_time_spent_minutes_{REVISION}"

TOTALS = {1: 0, 2: 1, 3: 45, 4: 1440, 5: 1441, 6: 1800, 7: 2880, 8: 525600, 9: 525601, 10: -5, 11: 2147483647}
ENTRIES = {
    2: [1], 3: [45], 4: [1440], 5: [1440, 1], 6: [1440, 360], 7: [1440, 1440], 8: [1440] * 365,
}  # fmt: skip
ASSIGNMENT = """
insert into student_assignments (id, template_id, student_id, assigned_date, assigned_by{columns})
values ({id}, 1, 2, '2025-01-01', 1{values})
"""


@pytest.fixture
def before(at_revision: Stop) -> Database:
    database = at_revision(BEFORE)
    database.execute(
        "insert into users (id, email, username, hashed_password, first_name, last_name, role) "
        "values (1, 'a', 'a', '-', '', '', 'admin'), (2, 'b', 'b', '-', '', '', 'student')",
        "insert into subjects (id, name) values (1, 'Art')",
        "insert into assignment_templates (id, name, subject_id, created_by) values (1, 'Page 3', 1, 1)",
        *(ASSIGNMENT.format(id=number, columns=", time_spent_minutes", values=f", {minutes}")
          for number, minutes in TOTALS.items()),
    )  # fmt: skip
    return database


def entries(database: Database) -> dict[object, object]:
    query = "select assignment_id, json_agg(minutes order by id) from assignment_time_entries group by 1"
    return columns(database, query)


def totals(database: Database) -> dict[object, object]:
    return columns(database, "select id, time_spent_minutes from student_assignments order by id")


def all_rows(database: Database) -> list[Row]:
    return database.rows("select * from assignment_time_entries order by id")


def test_totals_up_down_and_up(before: Database, caplog: pytest.LogCaptureFixture) -> None:
    there = catalogue(before)
    with caplog.at_level(logging.WARNING):
        upgrade(before, REVISION)
    assert entries(before) == ENTRIES
    assert columns(before, f"select id, time_spent_minutes from {RETIRED}") == TOTALS
    assert "3 student assignments had a total that is no time" in caplog.text
    assert "9 525601, 10 -5, 11 2147483647" in caplog.text
    rows, head = all_rows(before), catalogue(before)

    downgrade(before, BEFORE)
    assert (totals(before), catalogue(before)) == (TOTALS, there)

    upgrade(before, REVISION)
    assert (all_rows(before), catalogue(before)) == (rows, head)


def test_what_was_written_at_head_is_in_the_totals_on_the_way_back(before: Database) -> None:
    upgrade(before, REVISION)
    before.execute(
        "insert into assignment_time_entries (assignment_id, minutes, worked_on) values (1, 30, '2025-02-01')",
        "delete from assignment_time_entries where assignment_id = 3",
        "update assignment_time_entries set minutes = 2 where assignment_id = 2",
        ASSIGNMENT.format(id=20, columns="", values=""),
        ASSIGNMENT.format(id=21, columns="", values=""),
        "insert into assignment_time_entries (assignment_id, minutes) values (20, 10), (20, 15)",
        "delete from student_assignments where id = 8",
    )
    rows = all_rows(before)
    downgrade(before, BEFORE)
    expected = TOTALS | {1: 30, 2: 2, 3: 0, 20: 25, 21: 0}
    del expected[8]
    assert totals(before) == expected
    upgrade(before, REVISION)
    assert all_rows(before) == rows


def test_totals_that_changed_while_there_were_no_entries(before: Database) -> None:
    upgrade(before, REVISION)
    downgrade(before, BEFORE)
    before.execute(
        "update student_assignments set time_spent_minutes = 50 where id = 3",
        "update student_assignments set time_spent_minutes = 100 where id = 5",
        "update student_assignments set time_spent_minutes = 0 where id = 6",
        "update student_assignments set time_spent_minutes = 7 where id = 1",
    )
    upgrade(before, REVISION)
    found = entries(before)
    assert {number: found.get(number) for number in (1, 3, 5, 6)} == {1: [7], 3: [45, 5], 5: [100], 6: None}
    assert found[7] == ENTRIES[7]
    kept = before.rows(
        "select to_jsonb(kept) from retired.things join lateral (select readable_as) r on true, "
        f"retired.assignment_time_entries_rows_{REVISION} kept where what = 'rows'"
    )
    assert sorted(json.loads(json.dumps(row))["minutes"] for (row,) in kept) == [1, 360, 1440, 1440]


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_run_that_was_cut_off_just_before_its_record_is_simply_run_again(before: Database, direction: str) -> None:
    upgrade(before, REVISION)
    rows, head = all_rows(before), catalogue(before)
    if direction == "up":
        downgrade(before, BEFORE)
        cut_off(before, "upgrade", REVISION)
        upgrade(before, REVISION)
    else:
        cut_off(before, "downgrade", BEFORE)
        downgrade(before, BEFORE)
        assert totals(before) == TOTALS
        upgrade(before, REVISION)
    assert (at(before), all_rows(before), catalogue(before)) == ([REVISION], rows, head)
