"""Coursework: the assignments that students have, and how far they are."""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from tests.surefoot.autogenerate.twelve.base import Base, CreatedAt, Key, Text, UpdatedAt, stored_by_value


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
        sa.Index(None, "student_id"),
        sa.Index(None, "graded_by"),
        sa.Index(None, "assigned_by"),
    )

    id: Mapped[Key]
    template_id: Mapped[int] = mapped_column(sa.ForeignKey("assignment_templates.id"))
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    assigned_date: Mapped[dt.date]
    due_date: Mapped[dt.date | None]
    extended_due_date: Mapped[dt.date | None]
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
    submission_notes: Mapped[Text | None]
    time_spent_minutes: Mapped[int] = mapped_column(server_default=sa.text("0"))
    custom_instructions: Mapped[Text | None]
    custom_max_points: Mapped[int | None]
    assigned_by: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
