"""Attendance: who was there on which day."""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import Base, CreatedAt, Key, Stored, Text, UpdatedAt, one_of, refers_to
from ourschool.models.people import User


class AttendanceStatus(StrEnum):
    """Where a student was on a day."""

    PRESENT = "present"
    ABSENT = "absent"
    LATE = "late"
    EXCUSED = "excused"


class AttendanceRecord(Base):
    """One student on one day."""

    __tablename__ = "attendance_records"
    __table_args__ = (
        sa.UniqueConstraint("student_id", "date"),
        one_of("status", AttendanceStatus),
        {"comment": "Who was there on which day"},
    )

    id: Mapped[Key]
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    date: Mapped[dt.date]
    status: Mapped[AttendanceStatus] = mapped_column(Stored(AttendanceStatus))
    notes: Mapped[Text | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    student: Mapped[User] = refers_to("attendance", student_id)
