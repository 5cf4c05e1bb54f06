"""The register of the school's tables: one module per part of the school; `metadata` holds them all."""

from ourschool.models.attendance import AttendanceRecord, AttendanceStatus
from ourschool.models.base import Base
from ourschool.models.calendar import Term, TermType
from ourschool.models.coursework import AssignmentStatus, StudentAssignment
from ourschool.models.curriculum import (
    AssignmentTemplate,
    AssignmentType,
    DifficultyLevel,
    Lesson,
    LessonAssignment,
    Subject,
    TermSubject,
)
from ourschool.models.grades import GradeHistory, StudentTermGrade
from ourschool.models.journal import JournalEntry
from ourschool.models.people import User, UserRole

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
