"""The models of the twelve tables as they were at 4ad87c1e95b0: what autogenerate is tried on stays the same."""

from tests.migrate.autogenerate.twelve.attendance import AttendanceRecord, AttendanceStatus
from tests.migrate.autogenerate.twelve.base import Base
from tests.migrate.autogenerate.twelve.calendar import Term, TermType
from tests.migrate.autogenerate.twelve.coursework import AssignmentStatus, StudentAssignment
from tests.migrate.autogenerate.twelve.curriculum import (
    AssignmentTemplate,
    AssignmentType,
    DifficultyLevel,
    Lesson,
    LessonAssignment,
    Subject,
    TermSubject,
)
from tests.migrate.autogenerate.twelve.grades import GradeHistory, StudentTermGrade
from tests.migrate.autogenerate.twelve.journal import JournalEntry
from tests.migrate.autogenerate.twelve.people import User, UserRole

metadata = Base.metadata

__all__ = [
    "AssignmentStatus",
    "AssignmentTemplate",
    "AssignmentType",
    "AttendanceRecord",
    "AttendanceStatus",
    "Base",
    "DifficultyLevel",
    "GradeHistory",
    "JournalEntry",
    "Lesson",
    "LessonAssignment",
    "StudentAssignment",
    "StudentTermGrade",
    "Subject",
    "Term",
    "TermSubject",
    "TermType",
    "User",
    "UserRole",
    "metadata",
]
