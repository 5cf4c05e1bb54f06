"""The models of the school: one module for each part of the school; `metadata` has all tables."""

from ourschool.models.access import ApiKey, UserSession
from ourschool.models.attendance import AttendanceRecord, AttendanceStatus
from ourschool.models.base import Base
from ourschool.models.calendar import Enrollment, SchoolClass, Term, TermType
from ourschool.models.communication import Notification, NotificationRead, Resource, ResourceKind
from ourschool.models.coursework import AssignmentStatus, AssignmentTimeEntry, StudentAssignment, SubmissionMethod
from ourschool.models.curriculum import (
    AssignmentTemplate,
    AssignmentType,
    Lesson,
    LessonAssignment,
    Subject,
    TermSubject,
)
from ourschool.models.exams import Mark, Test
from ourschool.models.fees import Fee, Payment, PaymentMethod, PaymentStatus
from ourschool.models.grades import GradeHistory, StudentTermGrade
from ourschool.models.journal import JournalEntry, JournalReply, Mood
from ourschool.models.office import (
    AuditEntry,
    ChangeAction,
    RequestStatus,
    SettingChange,
    SettingType,
    SystemSetting,
    WithdrawalRequest,
)
from ourschool.models.people import Guardianship, StudentProfile, Theme, User, UserRole
from ourschool.models.points import PointSource, PointTransaction, PointType, StudentPoints
from ourschool.models.shop import RedemptionStatus, ShopItem, ShopRedemption

metadata = Base.metadata

__all__ = [
    "ApiKey",
    "AssignmentStatus",
    "AssignmentTemplate",
    "AssignmentTimeEntry",
    "AssignmentType",
    "AttendanceRecord",
    "AttendanceStatus",
    "AuditEntry",
    "Base",
    "ChangeAction",
    "Enrollment",
    "Fee",
    "GradeHistory",
    "Guardianship",
    "JournalEntry",
    "JournalReply",
    "Lesson",
    "LessonAssignment",
    "Mark",
    "Mood",
    "Notification",
    "NotificationRead",
    "Payment",
    "PaymentMethod",
    "PaymentStatus",
    "PointSource",
    "PointTransaction",
    "PointType",
    "RedemptionStatus",
    "RequestStatus",
    "Resource",
    "ResourceKind",
    "SchoolClass",
    "SettingChange",
    "SettingType",
    "ShopItem",
    "ShopRedemption",
    "StudentAssignment",
    "StudentPoints",
    "StudentProfile",
    "StudentTermGrade",
    "Subject",
    "SubmissionMethod",
    "SystemSetting",
    "Term",
    "TermSubject",
    "TermType",
    "Test",
    "Theme",
    "User",
    "UserRole",
    "UserSession",
    "WithdrawalRequest",
    "metadata",
]
