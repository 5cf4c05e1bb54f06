"""The models of the twelve tables as they were at 4ad87c1e95b0: what autogenerate is tried on stays the same."""

from tests.surefoot.autogenerate.twelve.attendance import AttendanceRecord, AttendanceStatus
from tests.surefoot.autogenerate.twelve.base import Base
from tests.surefoot.autogenerate.twelve.calendar import Term, TermType
from tests.surefoot.autogenerate.twelve.coursework import AssignmentStatus, StudentAssignment
from tests.surefoot.autogenerate.twelve.curriculum import (
    AssignmentTemplate,
    AssignmentType,
    DifficultyLevel,
    Lesson,
    LessonAssignment,
    Subject,
    TermSubject,
)
from tests.surefoot.autogenerate.twelve.grades import GradeHistory, StudentTermGrade
from tests.surefoot.autogenerate.twelve.journal import JournalEntry
from tests.surefoot.autogenerate.twelve.people import User, UserRole

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
