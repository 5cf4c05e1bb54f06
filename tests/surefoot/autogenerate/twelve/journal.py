"""Journal: what was noted about a student, day by day."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from tests.surefoot.autogenerate.twelve.base import Base, CreatedAt, Key, Text, UpdatedAt


class JournalEntry(Base):
    """One entry in the journal of one student."""

    __tablename__ = "journal_entries"
    __table_args__ = (
        sa.Index(None, "student_id"),
        sa.Index(None, "author_id"),
    )

    id: Mapped[Key]
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    title: Mapped[str]
    content: Mapped[Text]
    entry_date: Mapped[dt.datetime]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
