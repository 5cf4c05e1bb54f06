"""Rows of attendance_records, one of the two tables that grow: a register a day, and what was entered twice."""

from collections.abc import Iterator
from itertools import islice

from tests.ourschool.existing.people import Row
from tests.ourschool.existing.size import School, key
from tests.ourschool.existing.spread import Dealer, school_days

ATTENDANCE_RECORDS = ("id", "student_id", "date", "status", "notes", "created_at", "updated_at")

STATUSES = ("present", "absent", "late", "excused")

AGAIN = (
    ("09:00:00", "09:00:00", ("15:00:00.25",)),
    ("09:00:00", "16:00:00", ("15:00:00",)),  # the first row was the last one changed
    ("09:00:00", None, ("15:00:00",)),
    ("09:00:00", "09:00:00", (None,)),
    ("09:00:00", None, (None,)),
    ("09:00:00", "12:00:00", ("12:00:00",)),
    (None, None, (None,)),
    ("09:00:00", "09:00:00", ("11:00:00", "10:00:00")),  # three rows, the middle one the last changed
    ("09:00:00", None, (None, "08:00:00")),
    ("09:00:00", "17:00:00", ("09:30:00.000001", "09:30:00.000002")),
)
"""Made and changed time of a first row, and the times at which others for the same student and day were changed."""

RARELY = 97
"""One entry in so many was made again, once each way of doing so has occurred."""

Entry = tuple[int, str, str, str | None, str | None, str | None]


def attendance_records(school: School, seed: int) -> Iterator[Row]:
    """As many as the size says, day by day, of all students but the last."""
    entries = islice(_entries(school, seed), school.size.attendance_records)
    return ((key(nth), *entry) for nth, entry in enumerate(entries))


def _entries(school: School, seed: int) -> Iterator[Entry]:
    dealer = Dealer(seed, "attendance_records")
    statuses = dealer.deal(STATUSES, ("present",) * 9 + STATUSES)
    notes = dealer.texts("Bus was late")
    minutes = dealer.deal([f"08:{minute:02}:{minute * 7 % 60:02}.{minute * 16_381:06}" for minute in range(60)])
    changed = dealer.deal((None, "08:00:00", "14:59:59.999999"), (None, "14:30:00"), share=0.02)
    ways = dealer.deal(AGAIN)
    students = school.students[:-1] or school.students
    known = 0
    for day in school_days(school.size.attendance_records // len(students) + 1):
        for student in students:
            status, known = next(statuses), known + 1
            if known > len(AGAIN) and known % RARELY:
                made, later = next(minutes), next(changed)
                yield student, day, status, next(notes), f"{day} {made}", later and f"{day} {later}"
                continue
            first_made, first_changed, others = next(ways)
            yield student, day, status, next(notes), _at(day, first_made), _at(day, first_changed)
            # each of them says something else, so that one can tell which of them was kept
            for shift, other in enumerate(others, 1):
                differs = STATUSES[(STATUSES.index(status) + shift) % 4]
                yield student, day, differs, next(notes), _at(day, first_made), _at(day, other)


def _at(day: str, time: str | None) -> str | None:
    return None if time is None else f"{day} {time}"
