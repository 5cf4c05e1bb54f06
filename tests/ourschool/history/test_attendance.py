"""Of several rows for one student and day the last changed stays; the others are set aside and come back."""

import pytest

from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import CHAIN, at, catalogue, columns, cut_off, downgrade, upgrade
from tests.ourschool.history.small import PERSON, contents
from tests.support.databases import Database

REVISION = "d7a91c34e0b2"
BEFORE = CHAIN[CHAIN.index(REVISION) - 1]
NAIVE = CHAIN[1]
"""Where updated_at may still be NULL: rows go through the revision that fills it as an existing database's do."""
KEPT = f"retired.attendance_records_rows_{REVISION}"

ROW = """
insert into attendance_records (id, student_id, date, status, notes, created_at, updated_at)
values ({id}, {student}, '{day}', '{status}', '{note}', {made}, {changed})
"""
# rows of one student and day, as (made, changed), and which of them stays
DAYS: dict[str, tuple[list[tuple[str | None, str | None]], int]] = {
    "2025-01-01": ([("09:00", "09:00"), ("09:00", "15:00:00.25")], 1),
    "2025-01-02": ([("09:00", "16:00"), ("09:00", "15:00")], 0),
    "2025-01-03": ([("09:00", None), ("09:00", "15:00")], 1),
    "2025-01-06": ([("09:00", "09:30"), ("10:00", None)], 1),
    "2025-01-07": ([("09:00", "10:30"), ("10:00", None)], 0),
    "2025-01-08": ([("09:00", None), ("09:00", None)], 1),
    "2025-01-09": ([("09:00", "12:00"), ("09:00", "12:00")], 1),
    "2025-01-10": ([(None, None), (None, None)], 1),
    "2025-01-13": ([("09:00", "09:00"), ("09:00", "11:00"), ("09:00", "10:00")], 1),
    "2025-01-14": ([("09:00", "17:00"), ("09:00", "09:30:00.000001"), ("09:00", "09:30:00.000002")], 0),
    "2025-01-15": ([("09:00", "09:00")], 0),
    "2025-01-16": ([("09:00", None), (None, "08:00")], 0),
}  # fmt: skip
STATUSES = ("present", "absent", "late")


@pytest.fixture
def before(at_revision: Stop) -> Database:
    database = at_revision(NAIVE)
    database.execute(*(PERSON.format(id=n, first="x", role="student", parent="null") for n in (1, 2)))
    number = 0
    for day, (rows, _) in DAYS.items():
        for nth, times in enumerate(rows):
            number += 1
            made, changed = (f"'{day} {time}'" if time else "null" for time in times)
            database.execute(
                ROW.format(id=number, student=1, day=day, status=STATUSES[nth], note=nth, made=made, changed=changed)
            )
        # another student on the same day, and the same student on another day, are nobody's repetition
        database.execute(ROW.format(id=100 + number, student=2, day=day, status="late", note="", made="null",
                                    changed="null"))  # fmt: skip
    upgrade(database, BEFORE)
    return database


def test_the_last_changed_stays_up_down_and_up(before: Database) -> None:
    there, rows = catalogue(before), contents(before)
    upgrade(before, REVISION)
    stayed = columns(before, "select date::text, notes from attendance_records where student_id = 1")
    assert stayed == {day: str(stays) for day, (_, stays) in DAYS.items()}
    assert before.value("select count(*) from attendance_records where student_id = 2") == len(DAYS)
    kept = before.rows(f"select date::text, notes from {KEPT} order by 1, 2")
    assert kept == sorted(
        (day, str(nth)) for day, (times, stays) in DAYS.items() for nth in range(len(times)) if nth != stays
    )
    head, values = catalogue(before), contents(before)
    downgrade(before, BEFORE)
    assert (catalogue(before), contents(before)) == (there, rows)
    upgrade(before, REVISION)
    assert (catalogue(before), contents(before)) == (head, values)


def test_what_was_said_of_the_day_since_stays_and_the_others_do_not_come_twice(before: Database) -> None:
    upgrade(before, REVISION)
    before.execute("update attendance_records set status = 'excused', updated_at = now() where date = '2025-01-01'")
    downgrade(before, BEFORE)
    upgrade(before, REVISION)
    query = "select status::text from attendance_records where student_id = 1 and date = '2025-01-01'"
    assert before.rows(query) == [("excused",)]


def test_a_run_that_was_cut_off_just_before_its_record_is_simply_run_again(before: Database) -> None:
    upgrade(before, REVISION)
    head, values = catalogue(before), contents(before)
    downgrade(before, BEFORE)
    cut_off(before, "upgrade", REVISION)
    upgrade(before, REVISION)
    assert (at(before), catalogue(before), contents(before)) == ([REVISION], head, values)
