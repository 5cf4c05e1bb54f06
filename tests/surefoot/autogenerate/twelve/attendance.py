"""Attendance: who was there on which day."""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from tests.surefoot.autogenerate.twelve.base import Base, CreatedAt, Key, Text, UpdatedAt, stored_by_value


class AttendanceStatus(StrEnum):
    """Where a student was on a day."""

    PRESENT = "present"
    ABSENT = "absent"
    LATE = "late"
    EXCUSED = "excused"


class AttendanceRecord(Base):
    """One student on one day."""

    __tablename__ = "attendance_records"
    __table_args__ = (sa.Index(None, "student_id"),)

    id: Mapped[Key]
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    date: Mapped[dt.date]
    status: Mapped[AttendanceStatus] = mapped_column(stored_by_value(AttendanceStatus, "attendancestatus"))
    notes: Mapped[Text | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
