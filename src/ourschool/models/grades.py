"""Grades: a student's standing in a subject of a term, and each change of it."""

import datetime as dt
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import Base, CreatedAt, Key, Text, UpdatedAt, finite, referred_by, refers_to
from ourschool.models.coursework import StudentAssignment
from ourschool.models.curriculum import TermSubject
from ourschool.models.guards import after_create, append_only_triggers, name_triggers
from ourschool.models.people import User

NUMBERS = (
    "current_points_earned",
    "current_points_possible",
    "current_percentage",
    "final_points_earned",
    "final_points_possible",
    "final_percentage",
    "attendance_rate",
)
KEEP_FINALIZED_AT = """
create function keep_finalized_at() returns trigger
language plpgsql
as $$
begin
    -- what only an application that does not know finalized_at leaves to us
    if new.is_finalized then
        new.finalized_at := coalesce(new.finalized_date::timestamp at time zone 'UTC', new.finalized_at, now());
    else
        new.finalized_at := null;
    end if;
    return new;
end
$$
"""
FINALIZED = """
create trigger student_term_grades_finalized before insert on student_term_grades
for each row when (new.is_finalized and new.finalized_at is null)
execute function keep_finalized_at()
"""
REFINALIZED = """
create trigger student_term_grades_refinalized
before update of is_finalized, finalized_date on student_term_grades
for each row when (
    new.finalized_at is not distinct from old.finalized_at
    and (new.is_finalized <> old.is_finalized or new.finalized_date is distinct from old.finalized_date)
)
execute function keep_finalized_at()
"""


class StudentTermGrade(Base):
    """A student's standing in one subject of one term."""

    __tablename__ = "student_term_grades"
    __table_args__ = (
        sa.UniqueConstraint("student_id", "term_subject_id"),
        sa.Index(None, "term_subject_id"),
        sa.Index(None, "finalized_by"),
        *(finite(column, ">= 0") for column in NUMBERS),
        sa.CheckConstraint("is_finalized = (finalized_at is not null)", name="finalized_at"),
        {"comment": "A student's standing in one subject of one term"},
    )

    id: Mapped[Key]
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    term_subject_id: Mapped[int] = mapped_column(sa.ForeignKey("term_subjects.id", ondelete="RESTRICT"))
    current_points_earned: Mapped[Decimal | None] = mapped_column(sa.Numeric())
    current_points_possible: Mapped[Decimal | None] = mapped_column(sa.Numeric())
    current_percentage: Mapped[Decimal | None] = mapped_column(sa.Numeric())
    current_letter_grade: Mapped[str | None]
    final_points_earned: Mapped[Decimal | None] = mapped_column(sa.Numeric())
    final_points_possible: Mapped[Decimal | None] = mapped_column(sa.Numeric())
    final_percentage: Mapped[Decimal | None] = mapped_column(sa.Numeric())
    final_letter_grade: Mapped[str | None]
    is_finalized: Mapped[bool] = mapped_column(server_default=sa.false())
    finalized_date: Mapped[dt.date | None]
    finalized_at: Mapped[dt.datetime | None] = mapped_column(comment="known to the day alone where it is midnight UTC")
    finalized_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    finalized_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    assignments_completed: Mapped[int] = mapped_column(server_default=sa.text("0"))
    assignments_total: Mapped[int] = mapped_column(server_default=sa.text("0"))
    attendance_rate: Mapped[Decimal | None] = mapped_column(sa.Numeric())
    progress_notes: Mapped[Text | None]
    student_reflection: Mapped[Text | None]
    parent_notes: Mapped[Text | None]
    learning_goals: Mapped[Text | None]
    areas_for_improvement: Mapped[Text | None]
    strengths: Mapped[Text | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    last_calculated: Mapped[dt.datetime | None] = mapped_column(
        comment="when the current values were worked out; NULL: never"
    )

    history: Mapped[list["GradeHistory"]] = referred_by("student_term_grade")
    student: Mapped[User] = refers_to("term_grades", student_id)
    term_subject: Mapped[TermSubject] = refers_to("grades", term_subject_id)
    finalizer: Mapped[User | None] = refers_to("term_grades_finalized", finalized_by)


class GradeHistory(Base):
    """One change of one field of a term's grade."""

    __tablename__ = "grade_history"
    __table_args__ = (
        sa.Index(None, "student_term_grade_id"),
        sa.Index(None, "changed_by"),
        sa.Index(None, "assignment_id"),
        {"comment": "Every change of a term's grade; only grows"},
    )

    id: Mapped[Key]
    student_term_grade_id: Mapped[int] = mapped_column(sa.ForeignKey("student_term_grades.id", ondelete="CASCADE"))
    field_name: Mapped[str] = mapped_column(comment="the column of student_term_grades")
    old_value: Mapped[str | None] = mapped_column(comment="as text, whatever the column's type")
    new_value: Mapped[str | None] = mapped_column(comment="as text, whatever the column's type")
    change_reason: Mapped[Text | None]
    changed_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    changed_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    changed_at: Mapped[dt.datetime] = mapped_column(server_default=sa.func.now())
    assignment_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("student_assignments.id", ondelete="SET NULL"), comment="whose grading changed it; NULL: not said"
    )

    student_term_grade: Mapped[StudentTermGrade] = refers_to("history")
    assignment: Mapped[StudentAssignment | None] = refers_to("grade_history", assignment_id)
    changer: Mapped[User | None] = refers_to("grades_changed", changed_by)


after_create(
    StudentTermGrade, KEEP_FINALIZED_AT, FINALIZED, REFINALIZED, *name_triggers("student_term_grades", "finalized_by")
)
after_create(GradeHistory, *append_only_triggers("grade_history"), *name_triggers("grade_history", "changed_by"))
