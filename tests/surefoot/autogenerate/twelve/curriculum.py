"""Curriculum: subjects, what of them is taught in a term, templates of assignments, and lessons."""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tests.surefoot.autogenerate.twelve.base import Base, CreatedAt, Key, Text, UpdatedAt, stored_by_value


class AssignmentType(StrEnum):
    """What kind of work an assignment asks for."""

    HOMEWORK = "homework"
    PROJECT = "project"
    TEST = "test"
    QUIZ = "quiz"
    ESSAY = "essay"
    PRESENTATION = "presentation"
    WORKSHEET = "worksheet"
    READING = "reading"
    PRACTICE = "practice"


class DifficultyLevel(StrEnum):
    """How hard a lesson or a template is meant to be."""

    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"


difficulty = stored_by_value(DifficultyLevel, "difficultylevel")
"""One type for both tables that use it."""


class Subject(Base):
    """A subject that the school teaches."""

    __tablename__ = "subjects"

    id: Mapped[Key]
    name: Mapped[str]
    description: Mapped[Text | None]
    color: Mapped[str] = mapped_column(server_default=sa.text("'#3B82F6'"))
    created_at: Mapped[CreatedAt]


class TermSubject(Base):
    """A subject as it is taught in one term."""

    __tablename__ = "term_subjects"
    __table_args__ = (
        sa.UniqueConstraint("term_id", "subject_id", name="uq_term_subject"),
        sa.Index(None, "subject_id"),
    )

    id: Mapped[Key]
    term_id: Mapped[int] = mapped_column(sa.ForeignKey("terms.id"))
    subject_id: Mapped[int] = mapped_column(sa.ForeignKey("subjects.id"))
    is_active: Mapped[bool] = mapped_column(server_default=sa.true())
    weight: Mapped[float] = mapped_column(sa.Double(), server_default=sa.text("1.0"))
    grading_scale: Mapped[Text | None]
    learning_goals: Mapped[Text | None]
    teacher_notes: Mapped[Text | None]
    created_at: Mapped[CreatedAt]

    subject: Mapped[Subject] = relationship(lazy="raise")


class AssignmentTemplate(Base):
    """An assignment as it is prepared, before any student has it."""

    __tablename__ = "assignment_templates"
    __table_args__ = (
        sa.Index(None, "created_by"),
        sa.Index(None, "lesson_id"),
        sa.Index(None, "subject_id"),
    )

    id: Mapped[Key]
    name: Mapped[str]
    description: Mapped[Text | None]
    instructions: Mapped[Text | None]
    assignment_type: Mapped[AssignmentType] = mapped_column(
        stored_by_value(AssignmentType, "assignmenttype"), server_default=sa.text("'homework'")
    )
    lesson_id: Mapped[int | None] = mapped_column(sa.ForeignKey("lessons.id"))
    subject_id: Mapped[int] = mapped_column(sa.ForeignKey("subjects.id"))
    max_points: Mapped[int] = mapped_column(server_default=sa.text("100"))
    estimated_duration_minutes: Mapped[int | None]
    difficulty_level: Mapped[DifficultyLevel | None] = mapped_column(difficulty)
    prerequisites: Mapped[Text | None]
    materials_needed: Mapped[Text | None]
    is_exportable: Mapped[bool] = mapped_column(server_default=sa.true())
    export_data: Mapped[Text | None]
    order_in_lesson: Mapped[int] = mapped_column(server_default=sa.text("0"))
    created_by: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    is_archived: Mapped[bool] = mapped_column(server_default=sa.false())

    lessons: Mapped[list["LessonAssignment"]] = relationship(back_populates="assignment_template", lazy="raise")


class Lesson(Base):
    """What is taught on one day."""

    __tablename__ = "lessons"

    id: Mapped[Key]
    title: Mapped[str]
    description: Mapped[Text | None]
    scheduled_date: Mapped[dt.date]
    start_time: Mapped[dt.time | None]
    end_time: Mapped[dt.time | None]
    estimated_duration_minutes: Mapped[int | None]
    difficulty_level: Mapped[DifficultyLevel | None] = mapped_column(difficulty)
    materials_needed: Mapped[Text | None]
    objectives: Mapped[Text | None]
    prerequisites: Mapped[Text | None]
    resources: Mapped[Text | None]
    lesson_order: Mapped[int] = mapped_column(server_default=sa.text("0"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    assignments: Mapped[list["LessonAssignment"]] = relationship(back_populates="lesson", lazy="raise")


class LessonAssignment(Base):
    """A template of an assignment as one lesson uses it."""

    __tablename__ = "lesson_assignments"
    __table_args__ = (
        sa.Index(None, "lesson_id"),
        sa.Index(None, "assignment_template_id"),
    )

    id: Mapped[Key]
    lesson_id: Mapped[int] = mapped_column(sa.ForeignKey("lessons.id"))
    assignment_template_id: Mapped[int] = mapped_column(sa.ForeignKey("assignment_templates.id"))
    order_in_lesson: Mapped[int] = mapped_column(server_default=sa.text("0"))
    planned_duration_minutes: Mapped[int | None]
    custom_instructions: Mapped[Text | None]
    is_required: Mapped[bool] = mapped_column(server_default=sa.true())
    custom_max_points: Mapped[int | None]
    created_at: Mapped[CreatedAt]

    lesson: Mapped[Lesson] = relationship(back_populates="assignments", lazy="raise")
    assignment_template: Mapped[AssignmentTemplate] = relationship(back_populates="lessons", lazy="raise")
