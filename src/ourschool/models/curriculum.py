"""Curriculum: subjects, what of them is taught in a term, templates of assignments, and lessons."""

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import (
    Amount,
    Base,
    BigKey,
    CreatedAt,
    Key,
    Off,
    Text,
    UpdatedAt,
    finite,
    referred_by,
    refers_to,
)
from ourschool.models.calendar import Term
from ourschool.models.guards import after_create, name_triggers
from ourschool.models.people import User

if TYPE_CHECKING:
    from ourschool.models.coursework import StudentAssignment
    from ourschool.models.exams import Test
    from ourschool.models.grades import StudentTermGrade


class AssignmentType(Base):
    """A kind of work that an assignment can ask for."""

    __tablename__ = "assignment_types"
    __table_args__ = (
        sa.UniqueConstraint("key"),
        sa.CheckConstraint("btrim(key) <> ''", name="key"),
        finite("weight", ">= 0"),
        {"comment": "What kinds of work an assignment can ask for"},
    )

    id: Mapped[BigKey]
    key: Mapped[Text] = mapped_column(comment="what templates say; renamed here, it is renamed there")
    name: Mapped[Text] = mapped_column(comment="what people read")
    weight: Mapped[Amount] = mapped_column(
        server_default=sa.text("1"), comment="how much work of this type counts beside other work"
    )
    created_at: Mapped[CreatedAt]

    templates: Mapped[list["AssignmentTemplate"]] = referred_by("type")


class Subject(Base):
    """A subject that the school teaches."""

    __tablename__ = "subjects"
    __table_args__ = (
        sa.Index("ix_subjects_lower_name", sa.text("lower(name)"), unique=True),
        sa.CheckConstraint("color ~ '^#[0-9A-Fa-f]{6}$'", name="color"),
        {"comment": "What the school teaches"},
    )

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(comment="unique whatever its case")
    description: Mapped[Text | None]
    color: Mapped[str] = mapped_column(server_default=sa.text("'#3B82F6'"), comment="in timetables, like #3B82F6")
    created_at: Mapped[CreatedAt]

    tests: Mapped[list["Test"]] = referred_by("subject")
    templates: Mapped[list["AssignmentTemplate"]] = referred_by("subject", "AssignmentTemplate.subject_id")
    terms: Mapped[list["TermSubject"]] = referred_by("subject")


class TermSubject(Base):
    """A subject as it is taught in one term."""

    __tablename__ = "term_subjects"
    __table_args__ = (
        sa.UniqueConstraint("term_id", "subject_id"),
        sa.Index(None, "subject_id"),
        finite("weight", ">= 0"),
        {"comment": "What is taught in a term, and how much it counts"},
    )

    id: Mapped[Key]
    term_id: Mapped[int] = mapped_column(sa.ForeignKey("terms.id", ondelete="RESTRICT"))
    subject_id: Mapped[int] = mapped_column(sa.ForeignKey("subjects.id", ondelete="RESTRICT"))
    is_active: Mapped[bool] = mapped_column(server_default=sa.true())
    weight: Mapped[Decimal] = mapped_column(sa.Numeric(), server_default=sa.text("1.0"))
    grading_scale: Mapped[Any | None] = mapped_column(postgresql.JSONB(none_as_null=True))
    learning_goals: Mapped[Text | None]
    teacher_notes: Mapped[Text | None]
    created_at: Mapped[CreatedAt]

    subject: Mapped[Subject] = refers_to("terms")
    grades: Mapped[list["StudentTermGrade"]] = referred_by("term_subject", "StudentTermGrade.term_subject_id")
    term: Mapped[Term] = refers_to("subjects", term_id)


class AssignmentTemplate(Base):
    """An assignment as it is prepared, before any student has it."""

    __tablename__ = "assignment_templates"
    __table_args__ = (
        sa.Index(None, "created_by"),
        sa.Index(None, "subject_id"),
        sa.Index(None, "assignment_type"),
        sa.CheckConstraint("max_points > 0", name="max_points"),
        {"comment": "Assignments as they are prepared, before any student has them"},
    )

    id: Mapped[Key]
    name: Mapped[str]
    description: Mapped[Text | None]
    instructions: Mapped[Text | None]
    assignment_type: Mapped[Text] = mapped_column(
        sa.ForeignKey("assignment_types.key", ondelete="RESTRICT", onupdate="CASCADE"),
        server_default=sa.text("'homework'"),
    )
    subject_id: Mapped[int] = mapped_column(sa.ForeignKey("subjects.id", ondelete="RESTRICT"))
    max_points: Mapped[int] = mapped_column(
        server_default=sa.text("100"), comment="for a perfect piece of work; lessons and students may have their own"
    )
    estimated_duration_minutes: Mapped[int | None]
    prerequisites: Mapped[Text | None]
    materials_needed: Mapped[Text | None]
    is_exportable: Mapped[bool] = mapped_column(server_default=sa.true(), comment="whether other schools may have it")
    export_data: Mapped[Any | None] = mapped_column(postgresql.JSONB(none_as_null=True))
    created_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    created_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    is_archived: Mapped[bool] = mapped_column(
        server_default=sa.false(), comment="kept for those who had it, offered to nobody else"
    )
    is_library: Mapped[Off] = mapped_column(comment="kept in the school's library for every teacher to take from")

    type: Mapped[AssignmentType] = refers_to("templates")
    lessons: Mapped[list["LessonAssignment"]] = referred_by("assignment_template")
    subject: Mapped[Subject] = refers_to("templates", subject_id)
    creator: Mapped[User | None] = refers_to("templates_created", created_by)
    student_assignments: Mapped[list["StudentAssignment"]] = referred_by("template", "StudentAssignment.template_id")


class Lesson(Base):
    """What is taught on one day."""

    __tablename__ = "lessons"
    __table_args__ = (
        sa.CheckConstraint("end_time > start_time", name="end_time"),
        {"comment": "Lessons as they are planned"},
    )

    id: Mapped[Key]
    title: Mapped[str]
    description: Mapped[Text | None]
    scheduled_date: Mapped[dt.date]
    start_time: Mapped[dt.time | None]
    end_time: Mapped[dt.time | None] = mapped_column(comment="after the start; NULL: not known")
    estimated_duration_minutes: Mapped[int | None]
    materials_needed: Mapped[Text | None]
    objectives: Mapped[Text | None]
    prerequisites: Mapped[Text | None]
    resources: Mapped[Any | None] = mapped_column(postgresql.JSONB(none_as_null=True))
    lesson_order: Mapped[int] = mapped_column(server_default=sa.text("0"), comment="place among the lessons of the day")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    assignments: Mapped[list["LessonAssignment"]] = referred_by("lesson")


class LessonAssignment(Base):
    """A template of an assignment as one lesson uses it."""

    __tablename__ = "lesson_assignments"
    __table_args__ = (
        sa.UniqueConstraint("lesson_id", "assignment_template_id"),
        sa.Index(None, "assignment_template_id"),
        {"comment": "Which templates a lesson uses"},
    )

    id: Mapped[Key]
    lesson_id: Mapped[int] = mapped_column(sa.ForeignKey("lessons.id", ondelete="RESTRICT"))
    assignment_template_id: Mapped[int] = mapped_column(sa.ForeignKey("assignment_templates.id", ondelete="RESTRICT"))
    order_in_lesson: Mapped[int] = mapped_column(
        server_default=sa.text("0"), comment="place among the lesson's templates"
    )
    planned_duration_minutes: Mapped[int | None]
    custom_instructions: Mapped[Text | None] = mapped_column(comment="in place of the template's, for this lesson")
    is_required: Mapped[bool] = mapped_column(
        server_default=sa.true(), comment="whether every student of the lesson gets it"
    )
    custom_max_points: Mapped[int | None] = mapped_column(comment="in place of the template's, for this lesson")
    created_at: Mapped[CreatedAt]

    lesson: Mapped[Lesson] = refers_to("assignments")
    assignment_template: Mapped[AssignmentTemplate] = refers_to("lessons")


after_create(AssignmentTemplate, *name_triggers("assignment_templates", "created_by"))
