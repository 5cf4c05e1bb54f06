"""Calendar: the terms of the school years, the classes of each, and who is in them."""

import datetime as dt
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import (
    Base,
    BigKey,
    CreatedAt,
    Key,
    Off,
    On,
    Stored,
    Text,
    UpdatedAt,
    one_of,
    referred_by,
    refers_to,
)
from ourschool.models.guards import after_create, name_triggers
from ourschool.models.people import StudentProfile, User

if TYPE_CHECKING:
    from ourschool.models.communication import Notification, Resource
    from ourschool.models.curriculum import TermSubject
    from ourschool.models.exams import Test


SCHOOL_YEAR = """
case
    when academic_year ~ '^[0-9]{4}-[0-9]{4}$'
        then right(academic_year, 4)::integer = left(academic_year, 4)::integer + 1
    else false
end
"""
"""What a school year is called: the year in which it begins, and the next."""


class TermType(StrEnum):
    """How a school divides its year."""

    SEMESTER = "semester"
    QUARTER = "quarter"
    TRIMESTER = "trimester"
    CUSTOM = "custom"


class Term(Base):
    """A stretch of a school year for which grades are given."""

    __tablename__ = "terms"
    __table_args__ = (
        sa.Index(None, "created_by"),
        one_of("term_type", TermType),
        sa.Index(None, "is_active", unique=True, postgresql_where=sa.text("is_active")),
        sa.CheckConstraint("end_date > start_date", name="end_date"),
        sa.CheckConstraint(SCHOOL_YEAR, name="academic_year"),
        {"comment": "Stretches of a school year for which grades are given"},
    )

    id: Mapped[Key]
    name: Mapped[str]
    description: Mapped[Text | None]
    start_date: Mapped[dt.date]
    end_date: Mapped[dt.date] = mapped_column(comment="the last day of the term")
    academic_year: Mapped[str] = mapped_column(comment="like 2024-2025")
    term_type: Mapped[TermType] = mapped_column(Stored(TermType), server_default=sa.text("'custom'"))
    is_active: Mapped[Off] = mapped_column(comment="the term that pages show; at most one is")
    term_order: Mapped[int] = mapped_column(server_default=sa.text("0"), comment="place in lists")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    created_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    created_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")

    subjects: Mapped[list["TermSubject"]] = referred_by("term", "TermSubject.term_id")
    creator: Mapped[User | None] = refers_to("terms_created", created_by)


class SchoolClass(Base):
    """A class of one school year."""

    __tablename__ = "school_classes"
    __table_args__ = (
        sa.UniqueConstraint("academic_year", "code"),
        sa.Index(None, "class_teacher_id"),
        sa.CheckConstraint(SCHOOL_YEAR, name="academic_year"),
        sa.CheckConstraint("btrim(code) <> ''", name="code"),
        sa.CheckConstraint("capacity > 0", name="capacity"),
        {"comment": "The classes of each school year"},
    )

    id: Mapped[BigKey]
    academic_year: Mapped[Text] = mapped_column(comment="like 2024-2025")
    code: Mapped[Text] = mapped_column(comment="what the class is called in the timetable, like 7B")
    name: Mapped[Text]
    stream: Mapped[Text | None] = mapped_column(comment="science, arts, ...; NULL where the school has none")
    capacity: Mapped[int | None] = mapped_column(comment="seats; NULL: not limited")
    class_teacher_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    is_active: Mapped[On]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    class_teacher: Mapped[User | None] = refers_to("classes")
    profiles: Mapped[list[StudentProfile]] = referred_by("school_class")
    enrollments: Mapped[list["Enrollment"]] = referred_by("school_class")
    tests: Mapped[list["Test"]] = referred_by("school_class")
    notifications: Mapped[list["Notification"]] = referred_by("school_class")
    resources: Mapped[list["Resource"]] = referred_by("school_class")


class Enrollment(Base):
    """A student in a class, from one day to another."""

    __tablename__ = "enrollments"
    __table_args__ = (
        sa.Index(
            "ix_enrollments_student_id_class_id_open",
            "student_id",
            "class_id",
            unique=True,
            postgresql_where=sa.text("left_on is null"),
        ),
        sa.Index(None, "student_id", "joined_on"),
        sa.Index(None, "class_id"),
        sa.CheckConstraint("left_on >= joined_on", name="left_on"),
        {"comment": "Which student was in which class from when to when"},
    )

    id: Mapped[BigKey]
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    class_id: Mapped[int] = mapped_column(sa.ForeignKey("school_classes.id", ondelete="RESTRICT"))
    joined_on: Mapped[dt.date] = mapped_column(server_default=sa.text("current_date"))
    left_on: Mapped[dt.date | None] = mapped_column(comment="the last day; NULL: still there")
    created_at: Mapped[CreatedAt]

    student: Mapped[User] = refers_to("enrollments")
    school_class: Mapped[SchoolClass] = refers_to("enrollments")


after_create(Term, *name_triggers("terms", "created_by"))
