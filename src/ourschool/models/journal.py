"""Journal: what was noted about a student, day by day, and what was answered."""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import (
    Amount,
    Base,
    BigKey,
    CreatedAt,
    Items,
    Key,
    Off,
    Stored,
    Text,
    UpdatedAt,
    finite,
    items,
    one_of,
    referred_by,
    refers_to,
)
from ourschool.models.guards import after_create, name_triggers
from ourschool.models.people import User


class Mood(StrEnum):
    """How a student felt."""

    GREAT = "great"
    GOOD = "good"
    OKAY = "okay"
    LOW = "low"
    BAD = "bad"


class JournalEntry(Base):
    """One entry in the journal of one student."""

    __tablename__ = "journal_entries"
    __table_args__ = (
        sa.Index(
            "ix_journal_entries_student_id_entry_date_id", "student_id", sa.text("entry_date desc"), sa.text("id desc")
        ),
        sa.Index(None, "author_id"),
        one_of("mood", Mood),
        items("tags"),
        items("goals"),
        finite("points_awarded", ">= 0"),
        {"comment": "What was noted about a student, day by day"},
    )

    id: Mapped[Key]
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    author_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("users.id", ondelete="SET NULL"), comment="who wrote it, often the student"
    )
    author_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    title: Mapped[str]
    content: Mapped[Text]
    entry_date: Mapped[dt.datetime] = mapped_column(comment="the moment it is about")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    mood: Mapped[Mood | None] = mapped_column(Stored(Mood))
    tags: Mapped[Items] = mapped_column(comment="a list of words")
    goals: Mapped[Items] = mapped_column(comment="what the student wants to reach, a list")
    needs_response: Mapped[Off] = mapped_column(comment="whether somebody should answer; false for all old entries")
    win: Mapped[Text | None] = mapped_column(comment="what went well")
    points_awarded: Mapped[Amount] = mapped_column(
        server_default=sa.text("0"), comment="shown beside the entry; the ledger is point_transactions"
    )

    replies: Mapped[list["JournalReply"]] = referred_by("entry")
    student: Mapped[User] = refers_to("journal_entries", student_id)
    author: Mapped[User | None] = refers_to("journal_entries_written", author_id)


class JournalReply(Base):
    """An answer to an entry of a journal."""

    __tablename__ = "journal_replies"
    __table_args__ = (
        sa.Index(None, "entry_id", "created_at"),
        sa.Index(None, "author_id"),
        {"comment": "Answers to entries of journals"},
    )

    id: Mapped[BigKey]
    entry_id: Mapped[int] = mapped_column(sa.ForeignKey("journal_entries.id", ondelete="CASCADE"))
    author_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    author_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    content: Mapped[Text]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    entry: Mapped[JournalEntry] = refers_to("replies")
    author: Mapped[User | None] = refers_to("journal_replies", author_id)


after_create(JournalEntry, *name_triggers("journal_entries", "author_id"))
after_create(JournalReply, *name_triggers("journal_replies", "author_id"))
