"""Rows of a class's afternoons: attendance, assignments and their grades, tests and their marks."""

import datetime as dt

from ourschool import models
from ourschool.seed.copying import Row, Rows, row
from ourschool.seed.curriculum import PER_TERM, max_points, template_id
from ourschool.seed.grades import Register, Standing, letter
from ourschool.seed.plan import TermDays, at
from ourschool.seed.points import Ledger
from ourschool.seed.school import SUBJECTS, ClassYear, Person, School, Student

TEST_MARKS = 50
ARTIFACTS = tuple(f'["/work/{number}.pdf"]' for number in range(100, 150))
FIRST_TEST = 27
"""The number of meetings in a term before its first test."""

NOT_BEGUN: Row = dict.fromkeys(
    (
        "started_date", "completed_date", "submitted_date", "points_earned", "percentage_grade", "letter_grade",
        "graded_date", "graded_at", "graded_by", "graded_by_name", "submission_method", "teacher_feedback",
    )
) | {"is_graded": False, "artifacts": "[]"}  # fmt: skip
"""The columns of an assignment that is not started."""


class Classroom:
    """Makes the rows of each day of each class."""

    def __init__(self, school: School, ledger: Ledger) -> None:
        self.school = school
        self.ledger = ledger
        self.rng = school.plan.random_stream("classroom")
        self.last_day = school.plan.last_day

    def day(self, each: ClassYear, register: Register, term: TermDays, day: dt.date) -> Rows:
        """Yield the rows of one afternoon of a class."""
        present = each.present(day)
        yield from self._attendance(each, register, present, day)
        for place, subject in enumerate(each.subjects):
            for nth in range(PER_TERM):
                if register.meetings == 1 + 9 * nth + 2 * place:
                    template = template_id(each.grade, subject, term.half, nth)
                    teacher = self.school.teacher_of(each, subject)
                    for student in present:
                        standing = register.standings.setdefault((student.id, subject), Standing())
                        yield from self._assignment(student, standing, template, (day, teacher))
            if register.meetings == FIRST_TEST + place:
                yield from self._test(each, subject, present, day)
        register.meetings += 1

    def _attendance(self, each: ClassYear, register: Register, present: tuple[Student, ...], day: dt.date) -> Rows:
        chance, words = self.rng.random, self.school.words.sentences
        opens = 50_000 + each.grade * 60
        for nth, student in enumerate(present):
            drawn = chance()
            if drawn < student.diligence:
                status, note = "present", None
            else:
                status = ("absent", "late", "excused", "absent")[int(drawn * 1e6) % 4]
                note = words[int(drawn * 1e6) % len(words)] if status == "excused" else None
            key = student.id
            register.days[key] = register.days.get(key, 0) + 1
            register.present[key] = register.present.get(key, 0) + (status in ("present", "late"))
            taken = at(day, opens + nth * 4)
            yield row(
                models.AttendanceRecord,
                id=self.school.next_id("attendance_records"),
                student_id=key,
                date=day,
                status=status,
                notes=note,
                created_at=taken,
                updated_at=taken,
            )

    def _assignment(self, student: Student, standing: Standing, template: int, given: tuple[dt.date, Person]) -> Rows:
        day, teacher = given
        chance = self.rng.random
        due = day + dt.timedelta(days=7)
        extended = due + dt.timedelta(days=7) if chance() < 0.04 else None
        key = self.school.next_id("student_assignments")
        assignment: Row = NOT_BEGUN | {
            "id": key,
            "template_id": template,
            "student_id": student.id,
            "assigned_date": day,
            "due_date": due,
            "extended_due_date": extended,
            "assigned_by": teacher.id,
            "assigned_by_name": teacher.name,
            "created_at": at(day, 54_000),
            "updated_at": at(day, 54_000),
        }
        standing.total += 1
        assignment |= self._outcome(student, template, extended or due, given)
        if assignment["is_graded"]:
            standing.earned += assignment["points_earned"]
            standing.possible += max_points(template)
            standing.last_assignment = key
        standing.completed += assignment["submitted_date"] is not None
        yield models.StudentAssignment, assignment
        if assignment["submitted_date"] is not None and chance() < 0.3:
            yield row(
                models.AssignmentTimeEntry,
                id=self.school.next_id("assignment_time_entries"),
                assignment_id=key,
                minutes=10 + int(chance() * 80),
                worked_on=assignment["submitted_date"],
                note=None,
                created_at=assignment["updated_at"],
            )
        if assignment["is_graded"] and assignment["percentage_grade"] >= 90 and chance() < 0.5:
            yield from self.ledger.give(
                student, 5, ("assignment", key, teacher.id), (assignment["graded_date"], 61_000)
            )

    def _outcome(self, student: Student, template: int, due: dt.date, given: tuple[dt.date, Person]) -> Row:
        """Return the columns that say how far an assignment is by the plan's last day."""
        chance = self.rng.random
        drawn, (day, teacher) = chance(), given
        if drawn < 0.01:
            return {"status": "excused"}
        late = drawn > 0.5 + student.diligence / 2 - 0.02
        handed_in = due + dt.timedelta(days=3) if late else max(day, due - dt.timedelta(days=int(chance() * 6)))
        graded = handed_in + dt.timedelta(days=2 + int(chance() * 5))
        if handed_in > self.last_day or (late and drawn > 0.96):
            if self.last_day > due:
                return {"status": "overdue"}
            return {"status": "in_progress", "started_date": day} if chance() < 0.4 else {"status": "not_started"}
        done: Row = {"started_date": day, "completed_date": handed_in, "submitted_date": handed_in}
        if drawn < 0.2:
            done |= {"submission_method": "online", "artifacts": ARTIFACTS[template % len(ARTIFACTS)]}
        elif drawn < 0.8:
            done |= {"submission_method": "paper"}
        if graded > self.last_day:
            return done | {"status": "submitted", "updated_at": at(handed_in, 70_000)}
        most = max_points(template)
        percentage = min(104.0, max(5.0, self.rng.gauss(student.ability * 100 + 8, 9)))
        points = round(most * percentage / 100 * 2) / 2
        percentage = round(points / most * 100, 2)
        return done | {
            "status": "graded",
            "points_earned": points,
            "percentage_grade": percentage,
            "letter_grade": letter(percentage),
            "is_graded": True,
            "graded_date": graded,
            "graded_at": at(graded, 61_000),
            "graded_by": teacher.id,
            "graded_by_name": teacher.name,
            "teacher_feedback": self.rng.choice(self.school.words.sentences) if chance() < 0.25 else None,
            "updated_at": at(graded, 61_000),
        }

    def _test(self, each: ClassYear, subject: int, present: tuple[Student, ...], day: dt.date) -> Rows:
        key, teacher = self.school.next_id("tests"), self.school.teacher_of(each, subject)
        yield row(
            models.Test,
            id=key,
            title=f"{SUBJECTS[subject - 1]}, class {each.code}",
            description=None,
            subject_id=subject,
            class_id=each.id,
            held_on=day,
            max_marks=TEST_MARKS,
            question_paper_url=f"/papers/{key}.pdf" if key % 3 else None,
            created_by=teacher.id,
            created_by_name=teacher.name,
            created_at=at(day - dt.timedelta(days=7), 60_000),
            updated_at=at(day - dt.timedelta(days=7), 60_000),
        )
        marked = day + dt.timedelta(days=3)
        if marked > self.last_day:
            return
        for student in present:
            if self.rng.random() > 0.5 + student.diligence / 2:
                continue
            share = min(1.0, max(0.0, self.rng.gauss(student.ability, 0.12)))
            number = self.school.next_id("marks")
            yield row(
                models.Mark,
                id=number,
                test_id=key,
                student_id=student.id,
                marks=round(TEST_MARKS * share * 2) / 2,
                max_marks=TEST_MARKS,
                remarks=self.rng.choice(self.school.words.sentences) if self.rng.random() < 0.1 else None,
                marked_by=teacher.id,
                marked_by_name=teacher.name,
                created_at=at(marked, 62_000),
                updated_at=at(marked, 62_000),
            )
            if share >= 0.95:
                yield from self.ledger.give(student, 15, ("test", number, teacher.id), (marked, 62_000))
