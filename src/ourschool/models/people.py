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
)

if TYPE_CHECKING:
    from ourschool.models.access import ApiKey, UserSession
    from ourschool.models.calendar import Enrollment, SchoolClass
    from ourschool.models.communication import Notification, NotificationRead
    from ourschool.models.exams import Mark
    from ourschool.models.fees import Fee
    from ourschool.models.office import WithdrawalRequest
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
    children: Mapped[list["User"]] = relationship(back_populates="parent", lazy="raise", passive_deletes="all")
    profile: Mapped["StudentProfile | None"] = relationship(
        back_populates="student", lazy="raise", passive_deletes="all"
    )
    wards: Mapped[list["Guardianship"]] = relationship(
        back_populates="guardian", foreign_keys="Guardianship.guardian_id", lazy="raise", passive_deletes="all"
    )
    guardians: Mapped[list["Guardianship"]] = relationship(
        back_populates="student", foreign_keys="Guardianship.student_id", lazy="raise", passive_deletes="all"
    )
    sessions: Mapped[list["UserSession"]] = relationship(back_populates="user", lazy="raise", passive_deletes="all")
    api_keys: Mapped[list["ApiKey"]] = relationship(back_populates="user", lazy="raise", passive_deletes="all")
    enrollments: Mapped[list["Enrollment"]] = relationship(
        back_populates="student", lazy="raise", passive_deletes="all"
    )
    classes: Mapped[list["SchoolClass"]] = relationship(
        back_populates="class_teacher", lazy="raise", passive_deletes="all"
    )
    fees: Mapped[list["Fee"]] = relationship(back_populates="student", lazy="raise", passive_deletes="all")
    notifications: Mapped[list["Notification"]] = relationship(
        back_populates="user", foreign_keys="Notification.user_id", lazy="raise", passive_deletes="all"
    )
    notification_reads: Mapped[list["NotificationRead"]] = relationship(
        back_populates="user", lazy="raise", passive_deletes="all"
    )
    marks: Mapped[list["Mark"]] = relationship(
        back_populates="student", foreign_keys="Mark.student_id", lazy="raise", passive_deletes="all"
    )
    points: Mapped["StudentPoints | None"] = relationship(back_populates="student", lazy="raise", passive_deletes="all")
    point_transactions: Mapped[list["PointTransaction"]] = relationship(
        back_populates="student", foreign_keys="PointTransaction.student_id", lazy="raise", passive_deletes="all"
    )
    redemptions: Mapped[list["ShopRedemption"]] = relationship(
        back_populates="student", foreign_keys="ShopRedemption.student_id", lazy="raise", passive_deletes="all"
    )
    withdrawal_requests: Mapped[list["WithdrawalRequest"]] = relationship(
        back_populates="student", foreign_keys="WithdrawalRequest.student_id", lazy="raise", passive_deletes="all"
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

    student: Mapped[User] = relationship(back_populates="profile", lazy="raise")
    school_class: Mapped["SchoolClass | None"] = relationship(back_populates="profiles", lazy="raise")


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

    guardian: Mapped[User] = relationship(back_populates="wards", foreign_keys=[guardian_id], lazy="raise")
    student: Mapped[User] = relationship(back_populates="guardians", foreign_keys=[student_id], lazy="raise")
