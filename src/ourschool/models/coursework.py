"""Coursework: the assignments that students have, how far they are, and the time that they took."""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import (
    Base,
    BigKey,
    CreatedAt,
    Items,
    Key,
    Stored,
    Text,
    UpdatedAt,
    finite,
    items,
    one_of,
    referred_by,
    refers_to,
)
from ourschool.models.curriculum import AssignmentTemplate
from ourschool.models.guards import after_create, name_triggers
from ourschool.models.people import User

if TYPE_CHECKING:
    from ourschool.models.grades import GradeHistory

KEEP_GRADED_AT = """
create function keep_graded_at() returns trigger
language plpgsql
as $$
begin
    -- what only an application that does not know graded_at leaves to us
    new.graded_at := coalesce(new.graded_date::timestamp at time zone 'UTC', new.graded_at, now());
    return new;
end
$$
"""
GRADED = """
create trigger student_assignments_graded before insert on student_assignments
for each row when (new.status = 'graded' and new.graded_at is null)
execute function keep_graded_at()
"""
REGRADED = """
create trigger student_assignments_regraded before update of status, graded_date on student_assignments
for each row when (
    new.status = 'graded'
    and new.graded_at is not distinct from old.graded_at
    and (old.status <> 'graded' or new.graded_date is distinct from old.graded_date)
)
execute function keep_graded_at()
"""


class AssignmentStatus(StrEnum):
    """How far a student is with an assignment."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    GRADED = "graded"
    OVERDUE = "overdue"
    EXCUSED = "excused"


class SubmissionMethod(StrEnum):
    """How a student hands in work."""

    ONLINE = "online"
    PAPER = "paper"


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
        sa.Index(None, "graded_at", postgresql_where=sa.text("graded_at is not null")),
        sa.Index(None, "graded_by"),
        sa.Index(None, "assigned_by"),
        one_of("status", AssignmentStatus),
        one_of("submission_method", SubmissionMethod),
        items("artifacts"),
        finite("points_earned", ">= 0"),
        finite("percentage_grade", ">= 0"),
        sa.CheckConstraint("extended_due_date >= due_date", name="extended_due_date"),
        sa.CheckConstraint("status <> 'graded' or graded_at is not null", name="graded_at"),
        {"comment": "What each student was given to do, and what became of it"},
    )

    id: Mapped[Key]
    template_id: Mapped[int] = mapped_column(sa.ForeignKey("assignment_templates.id", ondelete="RESTRICT"))
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    assigned_date: Mapped[dt.date]
    due_date: Mapped[dt.date | None]
    extended_due_date: Mapped[dt.date | None] = mapped_column(comment="counts in place of due_date, for this student")
    status: Mapped[AssignmentStatus] = mapped_column(Stored(AssignmentStatus), server_default=sa.text("'not_started'"))
    started_date: Mapped[dt.date | None]
    completed_date: Mapped[dt.date | None]
    submitted_date: Mapped[dt.date | None]
    points_earned: Mapped[Decimal | None] = mapped_column(sa.Numeric())
    percentage_grade: Mapped[Decimal | None] = mapped_column(sa.Numeric())
    letter_grade: Mapped[str | None]
    is_graded: Mapped[bool] = mapped_column(server_default=sa.false())
    graded_date: Mapped[dt.date | None]
    graded_at: Mapped[dt.datetime | None] = mapped_column(comment="known to the day alone where it is midnight UTC")
    graded_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    graded_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    teacher_feedback: Mapped[Text | None]
    student_notes: Mapped[Text | None]
    submission_notes: Mapped[Text | None] = mapped_column(comment="what the student wrote beside the work")
    custom_instructions: Mapped[Text | None] = mapped_column(comment="in place of the template's, for this student")
    custom_max_points: Mapped[int | None] = mapped_column(comment="in place of the template's, for this student")
    artifacts: Mapped[Items] = mapped_column(comment="what the student handed in, a list of links and files")
    submission_method: Mapped[SubmissionMethod | None] = mapped_column(
        Stored(SubmissionMethod), comment="online or paper; NULL: not known"
    )
    assigned_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    assigned_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    time_entries: Mapped[list["AssignmentTimeEntry"]] = referred_by("assignment")
    grade_history: Mapped[list["GradeHistory"]] = referred_by("assignment", "GradeHistory.assignment_id")
    template: Mapped[AssignmentTemplate] = refers_to("student_assignments", template_id)
    student: Mapped[User] = refers_to("assignments", student_id)
    assigner: Mapped[User | None] = refers_to("assignments_given", assigned_by)
    grader: Mapped[User | None] = refers_to("assignments_graded", graded_by)


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

    assignment: Mapped[StudentAssignment] = refers_to("time_entries")


after_create(
    StudentAssignment,
    KEEP_GRADED_AT,
    GRADED,
    REGRADED,
    *name_triggers("student_assignments", "assigned_by"),
    *name_triggers("student_assignments", "graded_by"),
)
