"""Rows of term grades and of their history."""

from dataclasses import dataclass, field

from ourschool import models
from ourschool.seed.copying import Row, Rows, row
from ourschool.seed.curriculum import term_subject_id
from ourschool.seed.plan import TermDays, at
from ourschool.seed.school import ClassYear, Person, School, Student

LETTERS = ((90, "A"), (80, "B"), (70, "C"), (60, "D"), (0, "F"))


def letter(percentage: float) -> str:
    """Return the letter, A to F, for a percentage."""
    return next(each for least, each in LETTERS if percentage >= least)


@dataclass(slots=True)
class Standing:
    """The running totals of a student in a subject of a term."""

    earned: float = 0
    possible: float = 0
    completed: int = 0
    total: int = 0
    last_assignment: int | None = None


@dataclass(slots=True)
class Register:
    """The running totals of a class in a term; days and presence are by student, standings by student and subject."""

    meetings: int = 0
    days: dict[int, int] = field(default_factory=dict)
    present: dict[int, int] = field(default_factory=dict)
    standings: dict[tuple[int, int], Standing] = field(default_factory=dict)


class Grades:
    """Makes the rows of grades from the registers of the classes."""

    def __init__(self, school: School) -> None:
        self.school = school
        self.rng = school.plan.random_stream("grades")
        self.last_day = school.plan.last_day

    def term(self, each: ClassYear, register: Register, term: TermDays) -> Rows:
        """Yield the grades of a class in a term, final where the term is over."""
        over = term.end <= self.last_day
        by_id = {student.id: student for student in each.students}
        for (student_id, subject), standing in register.standings.items():
            days = register.days[student_id]
            rate = round(100 * register.present[student_id] / days, 2)
            yield from self._grade(each, by_id[student_id], standing, (term, subject, over, rate))

    def _grade(
        self, each: ClassYear, student: Student, standing: Standing, of: tuple[TermDays, int, bool, float]
    ) -> Rows:
        term, subject, over, rate = of
        key = self.school.next_id("student_term_grades")
        percentage = round(100 * standing.earned / standing.possible, 2) if standing.possible else None
        grade = letter(percentage) if percentage is not None else None
        made = at(min(term.end, self.last_day), 64_000)
        words = self.school.words.sentences
        yield row(
            models.StudentTermGrade,
            id=key,
            student_id=student.id,
            term_subject_id=term_subject_id(term.number, subject),
            current_points_earned=standing.earned,
            current_points_possible=standing.possible,
            current_percentage=percentage,
            current_letter_grade=grade,
            final_points_earned=standing.earned if over else None,
            final_points_possible=standing.possible if over else None,
            final_percentage=percentage if over else None,
            final_letter_grade=grade if over else None,
            is_finalized=over,
            finalized_date=term.end if over else None,
            finalized_at=at(term.end, 64_000) if over else None,
            finalized_by=each.teacher.id if over else None,
            finalized_by_name=each.teacher.name if over else None,
            assignments_completed=standing.completed,
            assignments_total=standing.total,
            attendance_rate=rate,
            progress_notes=self.rng.choice(words) if self.rng.random() < 0.2 else None,
            strengths=self.rng.choice(words) if self.rng.random() < 0.1 else None,
            created_at=at(term.start, 60_000),
            updated_at=made,
            last_calculated=made,
        )
        if standing.last_assignment is not None and percentage is not None and self.rng.random() < 0.35:
            yield self._correction(key, self.school.teacher_of(each, subject), percentage, standing, made)

    def _correction(
        self, grade: int, teacher: Person, percentage: float, standing: Standing, moment: str
    ) -> tuple[type[models.Base], Row]:
        """Return a history row with the percentage before the last assignment."""
        return row(
            models.GradeHistory,
            id=self.school.next_id("grade_history"),
            student_term_grade_id=grade,
            field_name="current_percentage",
            old_value=str(round(max(0.0, percentage - self.rng.random() * 5), 2)),
            new_value=str(percentage),
            change_reason=self.rng.choice(self.school.words.sentences),
            changed_by=teacher.id,
            changed_by_name=teacher.name,
            changed_at=moment,
            assignment_id=standing.last_assignment,
        )
