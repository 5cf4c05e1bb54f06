"""Rows of terms, classes, enrolments, subjects, assignment templates and lessons."""

import datetime as dt
import json

from ourschool import models
from ourschool.seed.copying import Rows, row
from ourschool.seed.plan import GRADES, at
from ourschool.seed.school import PER_CLASS, SUBJECTS, ClassYear, School

COLOURS = ("#3B82F6", "#EF4444", "#10B981", "#F59E0B", "#8B5CF6", "#EC4899", "#14B8A6", "#6366F1", "#84CC16", "#F97316")
SCALE = json.dumps({"A": 90, "B": 80, "C": 70, "D": 60})
TYPES = ("homework", "quiz", "worksheet", "essay", "project", "reading", "practice", "presentation", "test")
PER_TERM = 3
"""Assignments of a class in one subject and term."""
MAX_POINTS = (100, 20, 50, 10, 100, 25)
LESSONS = 5
"""Lessons of a grade in one subject and term."""


def template_id(grade: int, subject: int, half: int, nth: int) -> int:
    """Return the id of the template of a grade's nth assignment in a subject and half of the year."""
    return ((((grade - 1) * len(SUBJECTS)) + subject - 1) * 2 + half) * PER_TERM + nth + 1


def max_points(template: int) -> int:
    """Return the maximum points of a template."""
    return MAX_POINTS[template % len(MAX_POINTS)]


def term_subject_id(term: int, subject: int) -> int:
    """Return the id of the subject's row in term_subjects."""
    return (term - 1) * len(SUBJECTS) + subject


def prepared(school: School) -> Rows:
    """Yield terms and subjects, classes with their enrolments, templates, then lessons."""
    yield from _terms(school)
    yield from _subjects(school)
    yield from _classes(school)
    yield from _templates(school)
    yield from _lessons(school)


def _terms(school: School) -> Rows:
    begun = [term.number for term in school.plan.terms if term.start <= school.plan.last_day]
    active = begun[-1] if begun else 1
    for term in school.plan.terms:
        made = at(term.start - dt.timedelta(days=45), 36_000)
        yield row(
            models.Term,
            id=term.number,
            name=f"{('Autumn', 'Spring')[term.half]} {term.start.year}",
            description=None,
            start_date=term.start,
            end_date=term.end,
            academic_year=term.academic_year,
            term_type="semester",
            is_active=term.number == active,
            term_order=term.half + 1,
            created_at=made,
            updated_at=made,
            created_by=school.admins[0].id,
            created_by_name=school.admins[0].name,
        )


def _subjects(school: School) -> Rows:
    made = at(school.plan.terms[0].start - dt.timedelta(days=45), 36_000)
    for number, name in enumerate(SUBJECTS, 1):
        yield row(
            models.Subject,
            id=number,
            name=name,
            description=school.words.sentences[number],
            color=COLOURS[number - 1],
            created_at=made,
        )
    for term in school.plan.terms:
        for number in range(1, len(SUBJECTS) + 1):
            yield row(
                models.TermSubject,
                id=term_subject_id(term.number, number),
                term_id=term.number,
                subject_id=number,
                is_active=True,
                weight=1 if number > 2 else 1.5,
                grading_scale=SCALE if number % 2 else None,
                learning_goals=school.words.sentences[-number],
                teacher_notes=None,
                created_at=at(term.start - dt.timedelta(days=40), 36_000),
            )


def _classes(school: School) -> Rows:
    for each in school.classes:
        term = school.plan.terms[each.year * 2]
        made = at(term.start - dt.timedelta(days=30), 36_000)
        yield row(
            models.SchoolClass,
            id=each.id,
            academic_year=term.academic_year,
            code=each.code,
            name=f"Class {each.code}",
            stream=("science", "arts", "commerce")[each.section % 3] if each.grade > 10 else None,
            capacity=30,
            class_teacher_id=each.teacher.id,
            is_active=each.year == school.plan.years - 1,
            created_at=made,
            updated_at=made,
        )
        yield from _enrollments(school, each)


def _enrollments(school: School, each: ClassYear) -> Rows:
    first, second = school.plan.terms[each.year * 2 : each.year * 2 + 2]
    for student in each.students:
        left = second.end if second.end <= school.plan.last_day else None
        if student.leaves is not None and student.leaves <= school.plan.last_day:
            left = min(student.leaves, second.end)
        yield row(
            models.Enrollment,
            id=school.next_id("enrollments"),
            student_id=student.id,
            class_id=each.id,
            joined_on=first.start,
            left_on=left,
            created_at=at(first.start, 30_000),
        )


def _templates(school: School) -> Rows:
    made = at(school.plan.terms[0].start - dt.timedelta(days=20), 36_000)
    words = school.words
    for grade in GRADES:
        for subject, name in enumerate(SUBJECTS, 1):
            for half in (0, 1):
                for nth in range(PER_TERM):
                    number = template_id(grade, subject, half, nth)
                    kind = TYPES[number % len(TYPES)]
                    teacher = school.teachers[number % len(school.teachers)]
                    yield row(
                        models.AssignmentTemplate,
                        id=number,
                        name=f"{name} {grade}: {kind} {half * PER_TERM + nth + 1}",
                        description=words.sentences[number % len(words.sentences)],
                        instructions=words.paragraphs[number % len(words.paragraphs)],
                        assignment_type=kind,
                        subject_id=subject,
                        max_points=max_points(number),
                        estimated_duration_minutes=15 * (1 + number % 6),
                        prerequisites=None,
                        materials_needed="exercise book" if number % 3 else None,
                        is_exportable=True,
                        export_data=json.dumps({"version": 1}) if number % 10 == 0 else None,
                        created_by=teacher.id,
                        created_by_name=teacher.name,
                        is_library=number % 5 == 0,
                        created_at=made,
                        updated_at=made,
                        is_archived=False,
                    )


def _lessons(school: School) -> Rows:
    words = school.words
    for term in school.plan.terms:
        days = list(term.days())
        taught = sorted({(each.grade, subject) for each in school.of_year(term) for subject in each.subjects})
        for nth, (grade, subject) in enumerate(taught):
            for order in range(LESSONS):
                number = school.next_id("lessons")
                hour = 14 + nth % PER_CLASS
                made = at(days[0], 30_000)
                yield row(
                    models.Lesson,
                    id=number,
                    title=f"{SUBJECTS[subject - 1]} {grade}: {words.sentences[number % len(words.sentences)][:60]}",
                    description=words.paragraphs[number % len(words.paragraphs)],
                    scheduled_date=days[(order * 15 + nth % 5) % len(days)],
                    start_time=dt.time(hour),
                    end_time=dt.time(hour, 50),
                    estimated_duration_minutes=50,
                    materials_needed=None,
                    objectives=words.sentences[nth % len(words.sentences)],
                    prerequisites=None,
                    resources=json.dumps([{"title": "worksheet", "url": f"https://school.example/w/{number}"}]),
                    lesson_order=order,
                    created_at=made,
                    updated_at=made,
                )
                if order < PER_TERM:
                    yield row(
                        models.LessonAssignment,
                        id=school.next_id("lesson_assignments"),
                        lesson_id=number,
                        assignment_template_id=template_id(grade, subject, term.half, order),
                        order_in_lesson=0,
                        planned_duration_minutes=20,
                        custom_instructions=None,
                        is_required=order != 2,
                        custom_max_points=None,
                        created_at=made,
                    )
