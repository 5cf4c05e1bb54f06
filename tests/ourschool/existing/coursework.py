"""Rows of student_assignments, one of the two tables that grow: every way that an assignment goes, mixed."""

from collections.abc import Iterator
from typing import NamedTuple

from tests.ourschool.existing.awkward import FLOATS, MINUTES
from tests.ourschool.existing.people import Row
from tests.ourschool.existing.size import School, key
from tests.ourschool.existing.spread import Dealer, day

STUDENT_ASSIGNMENTS = (
    "id", "template_id", "student_id", "assigned_date", "due_date", "extended_due_date", "status", "started_date",
    "completed_date", "submitted_date", "points_earned", "percentage_grade", "letter_grade", "is_graded",
    "graded_date", "graded_by", "teacher_feedback", "student_notes", "submission_notes", "time_spent_minutes",
    "custom_instructions", "custom_max_points", "assigned_by", "created_at", "updated_at",
)  # fmt: skip


class Course(NamedTuple):
    """How an assignment went. Dates are days after it was given out, None where the row has none."""

    status: str | None
    due: int | None = 14
    extended: int | None = None
    started: int | None = None
    completed: int | None = None
    submitted: int | None = None
    graded: int | None = None
    is_graded: bool | None = False
    share: float | None = None
    """Of the maximum points."""
    exact: bool = False
    """An awkward double in place of a share."""
    by: bool = True
    """Whether the row says who graded it."""


COURSES = (
    Course("not_started"),
    Course("not_started", is_graded=None),
    Course("not_started", due=None),
    Course("not_started", due=None, extended=10),
    Course("in_progress", started=2, extended=21),
    Course("in_progress", started=2, extended=7),  # extended to before it was due
    Course("completed", started=1, completed=9),
    Course("completed", started=1),
    Course("completed", completed=9, graded=12, is_graded=True, share=0.9),
    Course("submitted", started=1, completed=9, submitted=10),
    Course("submitted", submitted=20),
    Course("graded", started=1, completed=9, submitted=9, graded=12, is_graded=True, share=0.875),
    Course("graded", submitted=9, is_graded=True, share=1 / 3),  # graded, and nobody knows when
    Course("graded", is_graded=True, share=0.5, by=False),
    Course("graded", is_graded=None, share=0.6),
    Course("graded", graded=12, is_graded=False, share=0.7),
    Course("graded", graded=12, is_graded=True),  # graded without points
    Course("graded", submitted=9, graded=12, is_graded=True, share=1.25),  # extra credit
    Course("graded", graded=12, is_graded=True, share=0.0),
    *(Course("graded", graded=12, is_graded=True, exact=True) for _ in FLOATS),
    Course("overdue", due=3),
    Course("overdue", due=3, extended=30),
    Course("excused", due=None),
    Course(None),
)
PLAIN = (
    Course("not_started"),
    Course("in_progress", started=2),
    Course("completed", started=1, completed=9),
    Course("submitted", started=1, completed=9, submitted=10),
    *(
        Course("graded", started=1, completed=9, submitted=10, graded=12, is_graded=True, share=share)
        for share in (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 2 / 3, 0.6, 0.5)
    ),
    Course("overdue", due=3),
)
NEGATIVE = Course("graded", graded=12, is_graded=True, share=-0.1)

LATEST = 870
"""Days before the record's last on which an assignment may have been given out."""


def student_assignments(school: School, seed: int) -> Iterator[Row]:
    """As many as the size says; the last student has none, the last admin gave none."""
    dealer = Dealer(seed, "student_assignments")
    courses = dealer.deal((*COURSES, *((NEGATIVE,) if school.size.beyond else ())), PLAIN, share=0.05)
    templates, students = dealer.deal(school.templates), dealer.deal(school.students[:-1] or school.students)
    givers, graders = dealer.deal(school.admins[:-1]), dealer.deal(school.admins[:-1])
    given = dealer.deal(range(LATEST))
    floats, minutes, stamps = dealer.deal(FLOATS), dealer.deal(MINUTES, range(0, 300, 5)), dealer.stamps()
    feedback, notes, said = dealer.texts("Well done"), dealer.texts("It was hard"), dealer.texts("Late, sorry")
    instructions, custom = dealer.texts("Only 1 to 5"), dealer.deal((None, None, None, 5, 50))
    days = [day(before) for before in range(LATEST + 1)]

    for nth in range(school.size.student_assignments):
        course, template, back = next(courses), next(templates), next(given)
        dates = [
            None if after is None else days[max(back - after, 0)]
            for after in (0, course.due, course.extended, course.started, course.completed, course.submitted,
                          course.graded)
        ]  # fmt: skip
        maximum = next(custom)
        points, percentage = _points(course, maximum or school.max_points(template), floats)
        graded = course.is_graded or points is not None
        yield (
            key(nth), template, next(students), dates[0], dates[1], dates[2], course.status, dates[3], dates[4],
            dates[5], points, percentage, _letter(percentage), course.is_graded, dates[6],
            next(graders) if graded and course.by else None, next(feedback) if graded else None, next(notes),
            next(said), next(minutes), next(instructions), maximum, next(givers), *next(stamps),
        )  # fmt: skip


def _points(course: Course, maximum: int, floats: Iterator[float | None]) -> tuple[float | None, float | None]:
    """Points and percentage as the application reckoned them: in doubles, without rounding."""
    points = next(floats) if course.exact else course.share
    if points is None:
        return None, None
    if not course.exact:
        points *= maximum
    return points, points / maximum * 100


def _letter(percentage: float | None) -> str | None:
    if percentage is None:
        return None
    return next((letter for bound, letter in ((97, "A+"), (90, "A"), (80, "B"), (70, "C")) if percentage >= bound), "F")
