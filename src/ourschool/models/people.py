"""People: everyone who signs in, the pupils' profiles, and who looks after whom."""

import datetime as dt
import uuid
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ourschool.models.base import (
    Base,
    BigKey,
    CreatedAt,
    Key,
    Off,
    Stored,
    Text,
    UpdatedAt,
    one_of,
    referred_by,
    refers_to,
)

if TYPE_CHECKING:
    from ourschool.models.access import ApiKey, UserSession
    from ourschool.models.attendance import AttendanceRecord
    from ourschool.models.calendar import Enrollment, SchoolClass, Term
    from ourschool.models.communication import Notification, NotificationRead, Resource
    from ourschool.models.coursework import StudentAssignment
    from ourschool.models.curriculum import AssignmentTemplate
    from ourschool.models.exams import Mark, Test
    from ourschool.models.fees import Fee, Payment
    from ourschool.models.grades import GradeHistory, StudentTermGrade
    from ourschool.models.journal import JournalEntry, JournalReply
    from ourschool.models.office import AuditEntry, SettingChange, SystemSetting, WithdrawalRequest
    from ourschool.models.points import PointTransaction, StudentPoints
    from ourschool.models.shop import ShopRedemption


class UserRole(StrEnum):
    """What a person may do; of those who were there before, teachers and parents are admins too."""

    ADMIN = "admin"
    TEACHER = "teacher"
    GUARDIAN = "guardian"
    STUDENT = "student"


class Theme(StrEnum):
    """How the application looks to a user."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class User(Base):
    """A person of the school."""

    __tablename__ = "users"
    __table_args__ = (
        sa.Index(
            "ix_users_lower_email", sa.text("lower(email)"), unique=True, postgresql_where=sa.text("deleted_at is null")
        ),
        sa.Index(
            "ix_users_lower_username",
            sa.text("lower(username)"),
            unique=True,
            postgresql_where=sa.text("deleted_at is null"),
        ),
        sa.Index(None, "parent_id"),
        sa.Index(None, "locked_until", postgresql_where=sa.text("locked_until is not null")),
        sa.CheckConstraint("failed_login_attempts >= 0", name="failed_login_attempts"),
        one_of("role", UserRole),
        one_of("theme", Theme),
        sa.UniqueConstraint("external_id"),
        sa.CheckConstraint("parent_id <> id", name="parent_id"),
        sa.CheckConstraint("grade_level between -1 and 13", name="grade_level"),
        {"comment": "Everyone who signs in or is looked after"},
    )

    id: Mapped[Key]
    email: Mapped[str] = mapped_column(comment="unique whatever its case, among those who are not deleted")
    username: Mapped[str] = mapped_column(
        comment="for signing in; unique whatever its case, among those who are not deleted"
    )
    hashed_password: Mapped[str] = mapped_column(
        comment="with its algorithm and salt, as the password library writes it"
    )
    first_name: Mapped[str]
    last_name: Mapped[str]
    role: Mapped[UserRole] = mapped_column(Stored(UserRole))
    is_active: Mapped[bool] = mapped_column(server_default=sa.true(), comment="whether the user may sign in")
    parent_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("users.id", ondelete="SET NULL"),
        comment="one who looks after this student; guardianships knows all",
    )
    date_of_birth: Mapped[dt.date | None]
    grade_level: Mapped[int | None] = mapped_column(comment="-1 pre-school, 0 kindergarten, then 1 to 13")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    failed_login_attempts: Mapped[int] = mapped_column(
        server_default=sa.text("0"), comment="in a row, since the last success"
    )
    locked_until: Mapped[dt.datetime | None] = mapped_column(comment="no sign-in before this; NULL: not locked")
    last_failed_login_at: Mapped[dt.datetime | None]
    must_change_password: Mapped[Off] = mapped_column(comment="asked for a new password at the next sign-in")
    theme: Mapped[Theme] = mapped_column(Stored(Theme), server_default=sa.text("'system'"))
    deleted_at: Mapped[dt.datetime | None] = mapped_column(
        comment="the account is closed since; its email and username are free"
    )
    external_id: Mapped[uuid.UUID] = mapped_column(
        server_default=sa.text("gen_random_uuid()"), comment="what other systems know the person by; never changes"
    )

    parent: Mapped["User | None"] = relationship(remote_side="User.id", back_populates="children", lazy="raise")
    children: Mapped[list["User"]] = referred_by("parent")
    profile: Mapped["StudentProfile | None"] = referred_by("student")
    wards: Mapped[list["Guardianship"]] = referred_by("guardian", "Guardianship.guardian_id")
    guardians: Mapped[list["Guardianship"]] = referred_by("student", "Guardianship.student_id")
    sessions: Mapped[list["UserSession"]] = referred_by("user")
    api_keys: Mapped[list["ApiKey"]] = referred_by("user")
    enrollments: Mapped[list["Enrollment"]] = referred_by("student")
    classes: Mapped[list["SchoolClass"]] = referred_by("class_teacher")
    fees: Mapped[list["Fee"]] = referred_by("student")
    notifications: Mapped[list["Notification"]] = referred_by("user", "Notification.user_id")
    notification_reads: Mapped[list["NotificationRead"]] = referred_by("user")
    marks: Mapped[list["Mark"]] = referred_by("student", "Mark.student_id")
    points: Mapped["StudentPoints | None"] = referred_by("student")
    point_transactions: Mapped[list["PointTransaction"]] = referred_by("student", "PointTransaction.student_id")
    redemptions: Mapped[list["ShopRedemption"]] = referred_by("student", "ShopRedemption.student_id")
    withdrawal_requests: Mapped[list["WithdrawalRequest"]] = referred_by("student", "WithdrawalRequest.student_id")
    templates_created: Mapped[list["AssignmentTemplate"]] = referred_by("creator", "AssignmentTemplate.created_by")
    attendance: Mapped[list["AttendanceRecord"]] = referred_by("student", "AttendanceRecord.student_id")
    audit_entries: Mapped[list["AuditEntry"]] = referred_by("actor", "AuditEntry.actor_id")
    grades_changed: Mapped[list["GradeHistory"]] = referred_by("changer", "GradeHistory.changed_by")
    journal_entries: Mapped[list["JournalEntry"]] = referred_by("student", "JournalEntry.student_id")
    journal_entries_written: Mapped[list["JournalEntry"]] = referred_by("author", "JournalEntry.author_id")
    journal_replies: Mapped[list["JournalReply"]] = referred_by("author", "JournalReply.author_id")
    marks_given: Mapped[list["Mark"]] = referred_by("marker", "Mark.marked_by")
    notifications_sent: Mapped[list["Notification"]] = referred_by("sender", "Notification.sent_by")
    payments_confirmed: Mapped[list["Payment"]] = referred_by("confirmer", "Payment.confirmed_by")
    points_awarded: Mapped[list["PointTransaction"]] = referred_by("awarder", "PointTransaction.awarded_by")
    resources_uploaded: Mapped[list["Resource"]] = referred_by("uploader", "Resource.uploaded_by")
    settings_changed: Mapped[list["SettingChange"]] = referred_by("changer", "SettingChange.changed_by")
    redemptions_processed: Mapped[list["ShopRedemption"]] = referred_by("processor", "ShopRedemption.processed_by")
    assignments: Mapped[list["StudentAssignment"]] = referred_by("student", "StudentAssignment.student_id")
    assignments_given: Mapped[list["StudentAssignment"]] = referred_by("assigner", "StudentAssignment.assigned_by")
    assignments_graded: Mapped[list["StudentAssignment"]] = referred_by("grader", "StudentAssignment.graded_by")
    term_grades: Mapped[list["StudentTermGrade"]] = referred_by("student", "StudentTermGrade.student_id")
    term_grades_finalized: Mapped[list["StudentTermGrade"]] = referred_by("finalizer", "StudentTermGrade.finalized_by")
    settings_updated: Mapped[list["SystemSetting"]] = referred_by("updater", "SystemSetting.updated_by")
    terms_created: Mapped[list["Term"]] = referred_by("creator", "Term.created_by")
    tests_created: Mapped[list["Test"]] = referred_by("creator", "Test.created_by")
    withdrawal_requests_processed: Mapped[list["WithdrawalRequest"]] = referred_by(
        "processor", "WithdrawalRequest.processed_by"
    )


class StudentProfile(Base):
    """What the school knows of a student beyond the account."""

    __tablename__ = "student_profiles"
    __table_args__ = (
        sa.UniqueConstraint("student_id"),
        sa.UniqueConstraint("class_id", "roll_number"),
        sa.UniqueConstraint("reg_no"),
        sa.CheckConstraint("roll_number > 0", name="roll_number"),
        {"comment": "What the school knows of a student beyond the account; one row a student"},
    )

    id: Mapped[BigKey]
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    class_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("school_classes.id", ondelete="RESTRICT"),
        comment="the class of today; which ones there were, enrollments knows",
    )
    roll_number: Mapped[int | None] = mapped_column(comment="the place in the class's roll")
    reg_no: Mapped[Text | None] = mapped_column(comment="the school's own registration number")
    guardian_phone: Mapped[Text | None]
    student_phone: Mapped[Text | None]
    school_name: Mapped[Text | None] = mapped_column(comment="the school that the student goes to in the mornings")
    picture_url: Mapped[Text | None]
    pending_popup: Mapped[Text | None] = mapped_column(comment="shown once at the next sign-in, then NULL")
    last_seen_notification_id: Mapped[int | None] = mapped_column(
        sa.BigInteger(), comment="newest notification shown; a mark, not a reference"
    )
    last_seen_test_id: Mapped[int | None] = mapped_column(
        sa.BigInteger(), comment="newest test shown; a mark, not a reference"
    )
    last_seen_resource_id: Mapped[int | None] = mapped_column(
        sa.BigInteger(), comment="newest resource shown; a mark, not a reference"
    )
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    student: Mapped[User] = refers_to("profile")
    school_class: Mapped["SchoolClass | None"] = refers_to("profiles")


class Guardianship(Base):
    """One person who looks after one student."""

    __tablename__ = "guardianships"
    __table_args__ = (
        sa.UniqueConstraint("guardian_id", "student_id"),
        sa.Index(None, "student_id"),
        sa.Index(
            "ix_guardianships_student_id_primary", "student_id", unique=True, postgresql_where=sa.text("is_primary")
        ),
        sa.CheckConstraint("guardian_id <> student_id", name="guardian_id"),
        sa.CheckConstraint("btrim(relation) <> ''", name="relation"),
        {"comment": "Who looks after which student"},
    )

    id: Mapped[BigKey]
    guardian_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    relation: Mapped[Text] = mapped_column(
        server_default=sa.text("'parent'"), comment="what the guardian is to the student: mother, father, aunt, ..."
    )
    is_primary: Mapped[Off] = mapped_column(comment="whom the school calls first; at most one a student")
    created_at: Mapped[CreatedAt]

    guardian: Mapped[User] = refers_to("wards", guardian_id)
    student: Mapped[User] = refers_to("guardians", student_id)
