"""Coursework: the assignments that students have, how far they are, and the time that they took."""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ourschool.models.base import Base, BigKey, CreatedAt, Key, Text, UpdatedAt, stored_by_value


class AssignmentStatus(StrEnum):
    """How far a student is with an assignment."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    SUBMITTED = "submitted"
    GRADED = "graded"
    OVERDUE = "overdue"
    EXCUSED = "excused"


class StudentAssignment(Base):
    """One assignment of one student."""

    __tablename__ = "student_assignments"
    __table_args__ = (
        sa.Index(None, "template_id"),
        sa.Index(
            "ix_student_assignments_student_id_coalesce",
            "student_id",
            sa.text("coalesce(extended_due_date, due_date, assigned_date)"),
        ),
        sa.Index(
            "ix_student_assignments_coalesce_open",
            sa.text("coalesce(extended_due_date, due_date)"),
            postgresql_where=sa.text("status in ('not_started', 'in_progress', 'overdue')"),
        ),
        sa.Index(None, "graded_date", postgresql_where=sa.text("graded_date is not null")),
        sa.Index(None, "graded_by"),
        sa.Index(None, "assigned_by"),
        {"comment": "What each student was given to do, and what became of it"},
    )

    id: Mapped[Key]
    template_id: Mapped[int] = mapped_column(sa.ForeignKey("assignment_templates.id"))
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    assigned_date: Mapped[dt.date]
    due_date: Mapped[dt.date | None]
    extended_due_date: Mapped[dt.date | None] = mapped_column(comment="counts in place of due_date, for this student")
    status: Mapped[AssignmentStatus] = mapped_column(
        stored_by_value(AssignmentStatus, "assignmentstatus"), server_default=sa.text("'not_started'")
    )
    started_date: Mapped[dt.date | None]
    completed_date: Mapped[dt.date | None]
    submitted_date: Mapped[dt.date | None]
    points_earned: Mapped[float | None] = mapped_column(sa.Double())
    percentage_grade: Mapped[float | None] = mapped_column(sa.Double())
    letter_grade: Mapped[str | None]
    is_graded: Mapped[bool] = mapped_column(server_default=sa.false())
    graded_date: Mapped[dt.date | None]
    graded_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    teacher_feedback: Mapped[Text | None]
    student_notes: Mapped[Text | None]
    submission_notes: Mapped[Text | None] = mapped_column(comment="what the student wrote beside the work")
    custom_instructions: Mapped[Text | None] = mapped_column(comment="in place of the template's, for this student")
    custom_max_points: Mapped[int | None] = mapped_column(comment="in place of the template's, for this student")
    assigned_by: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    time_entries: Mapped[list["AssignmentTimeEntry"]] = relationship(
        back_populates="assignment", lazy="raise", passive_deletes="all"
    )


class AssignmentTimeEntry(Base):
    """Time that a student spent on one assignment, at most a day at once."""

    __tablename__ = "assignment_time_entries"
    __table_args__ = (
        sa.Index(None, "assignment_id"),
        sa.CheckConstraint("minutes > 0 and minutes <= 1440", name="minutes"),
        {"comment": "The time that a student spent on an assignment, one row a sitting"},
    )

    id: Mapped[BigKey]
    assignment_id: Mapped[int] = mapped_column(sa.ForeignKey("student_assignments.id", ondelete="CASCADE"))
    minutes: Mapped[int]
    worked_on: Mapped[dt.date | None] = mapped_column(comment="NULL: not known, as for a total of former times")
    note: Mapped[Text | None]
    created_at: Mapped[CreatedAt]

    assignment: Mapped[StudentAssignment] = relationship(back_populates="time_entries", lazy="raise")
