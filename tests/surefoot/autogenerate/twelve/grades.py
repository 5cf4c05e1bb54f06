"""Grades: a student's standing in a subject of a term, and each change of it."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tests.surefoot.autogenerate.twelve.base import Base, CreatedAt, Key, Text, UpdatedAt


class StudentTermGrade(Base):
    """A student's standing in one subject of one term."""

    __tablename__ = "student_term_grades"
    __table_args__ = (
        sa.UniqueConstraint("student_id", "term_subject_id", name="uq_student_term_subject"),
        sa.Index(None, "term_subject_id"),
        sa.Index(None, "finalized_by"),
    )

    id: Mapped[Key]
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    term_subject_id: Mapped[int] = mapped_column(sa.ForeignKey("term_subjects.id"))
    current_points_earned: Mapped[float | None] = mapped_column(sa.Double())
    current_points_possible: Mapped[float | None] = mapped_column(sa.Double())
    current_percentage: Mapped[float | None] = mapped_column(sa.Double())
    current_letter_grade: Mapped[str | None]
    final_points_earned: Mapped[float | None] = mapped_column(sa.Double())
    final_points_possible: Mapped[float | None] = mapped_column(sa.Double())
    final_percentage: Mapped[float | None] = mapped_column(sa.Double())
    final_letter_grade: Mapped[str | None]
    is_finalized: Mapped[bool] = mapped_column(server_default=sa.false())
    finalized_date: Mapped[dt.date | None]
    finalized_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    assignments_completed: Mapped[int] = mapped_column(server_default=sa.text("0"))
    assignments_total: Mapped[int] = mapped_column(server_default=sa.text("0"))
    attendance_rate: Mapped[float | None] = mapped_column(sa.Double())
    progress_notes: Mapped[Text | None]
    student_reflection: Mapped[Text | None]
    parent_notes: Mapped[Text | None]
    learning_goals: Mapped[Text | None]
    areas_for_improvement: Mapped[Text | None]
    strengths: Mapped[Text | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    last_calculated: Mapped[dt.datetime | None]

    history: Mapped[list["GradeHistory"]] = relationship(back_populates="student_term_grade", lazy="raise")


class GradeHistory(Base):
    """One change of one field of a term's grade."""

    __tablename__ = "grade_history"
    __table_args__ = (
        sa.Index(None, "student_term_grade_id"),
        sa.Index(None, "changed_by"),
        sa.Index(None, "assignment_id"),
    )

    id: Mapped[Key]
    student_term_grade_id: Mapped[int] = mapped_column(sa.ForeignKey("student_term_grades.id"))
    field_name: Mapped[str]
    old_value: Mapped[str | None]
    new_value: Mapped[str | None]
    change_reason: Mapped[Text | None]
    changed_by: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    changed_at: Mapped[dt.datetime] = mapped_column(server_default=sa.func.now())
    assignment_id: Mapped[int | None] = mapped_column(sa.ForeignKey("student_assignments.id"))

    student_term_grade: Mapped[StudentTermGrade] = relationship(back_populates="history", lazy="raise")
