"""Rows of what is kept about students: term grades, the history of their changes, journals."""

from collections.abc import Iterator

from tests.ourschool.existing.awkward import COUNTS, FLOATS, STAMPS, TEXTS
from tests.ourschool.existing.people import Row
from tests.ourschool.existing.size import School, key, keys
from tests.ourschool.existing.spread import Dealer, day

STUDENT_TERM_GRADES = (
    "id", "student_id", "term_subject_id", "current_points_earned", "current_points_possible", "current_percentage",
    "current_letter_grade", "final_points_earned", "final_points_possible", "final_percentage", "final_letter_grade",
    "is_finalized", "finalized_date", "finalized_by", "assignments_completed", "assignments_total", "attendance_rate",
    "progress_notes", "student_reflection", "parent_notes", "learning_goals", "areas_for_improvement", "strengths",
    "created_at", "updated_at", "last_calculated",
)  # fmt: skip
GRADE_HISTORY = (
    "id", "student_term_grade_id", "field_name", "old_value", "new_value", "change_reason", "changed_by", "changed_at",
    "assignment_id",
)  # fmt: skip
JOURNAL_ENTRIES = ("id", "student_id", "author_id", "title", "content", "entry_date", "created_at", "updated_at")

LETTERS = (None, "A+", "A", "B-", "F", "", "Pass", "a", "\u2212")
FIELDS = ("current_percentage", "final_percentage", "final_letter_grade", "is_finalized")
VALUES = (None, "", "True", "33.333333333333336", "A+", "None", "0.30000000000000004", "12345678901.5", "100%")


def term_grades(school: School, seed: int) -> Iterator[Row]:
    """Six subjects a student; one in three finalized."""
    dealer = Dealer(seed, "student_term_grades")
    floats, letters, totals = dealer.deal(FLOATS), dealer.deal(LETTERS), dealer.deal(COUNTS)
    texts, stamps, calculated = dealer.texts("Steady progress"), dealer.stamps(), dealer.stamps()
    admins = dealer.deal(school.admins[:-1])
    ends: list[tuple[bool | None, str | None, bool]] = [
        (False, None, False), (None, None, False), (True, day(30), True), (True, day(400), False)
    ]  # fmt: skip
    if school.size.beyond:
        ends += [(True, None, True), (False, day(30), True)]
    finals = dealer.deal(ends)
    subjects = school.term_subjects
    each = len(school.term_grades) // len(school.students)
    for nth, grade in enumerate(school.term_grades):
        student, of_student = divmod(nth, each)
        finalized, when, known = next(finals)
        yield (
            grade, school.students[student], subjects[(student * 5 + of_student) % len(subjects)],
            next(floats), next(floats), next(floats), next(letters), next(floats), next(floats), next(floats),
            next(letters), finalized, when, next(admins) if known else None, next(totals), next(totals), next(floats),
            *(next(texts) for _ in range(6)), *next(stamps), next(calculated)[1],
        )  # fmt: skip


def grade_history(school: School, seed: int) -> Iterator[Row]:
    """One change for ten assignments, sixty at least; the assignment is often not said."""
    dealer = Dealer(seed, "grade_history")
    grades, admins, fields = dealer.deal(school.term_grades), dealer.deal(school.admins[:-1]), dealer.deal(FIELDS)
    old, new, reasons, stamps = dealer.deal(VALUES), dealer.deal(VALUES), dealer.texts("Regraded"), dealer.stamps()
    assignments = dealer.deal((None, key(0)), (None, *keys(min(school.size.student_assignments, 500))))
    for nth in range(max(60, school.size.student_assignments // 10)):
        yield (
            key(nth), next(grades), next(fields), next(old), next(new), next(reasons), next(admins), next(stamps)[0],
            next(assignments),
        )  # fmt: skip


def journal_entries(school: School, seed: int) -> Iterator[Row]:
    """Five a student, sixty at least, written by the student or by an admin."""
    dealer = Dealer(seed, "journal_entries")
    students, admins = dealer.deal(school.students), dealer.deal(school.admins[:-1])
    titles = dealer.deal(TEXTS, ("Today", "My week"), share=0.05)
    contents = dealer.deal(TEXTS, ("I read a book.", "We counted to 100."), share=0.05)
    entered = dealer.deal([made for made, _ in STAMPS if made], [f"{day(n)} 17:{n % 60:02}:00" for n in range(500)])
    stamps = dealer.stamps()
    for nth in range(max(60, len(school.students) * 5)):
        student = next(students)
        author = student if nth % 3 else next(admins)
        yield key(nth), student, author, next(titles), next(contents), next(entered), *next(stamps)
