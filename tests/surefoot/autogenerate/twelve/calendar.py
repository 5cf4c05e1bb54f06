"""Calendar: the terms of the school years."""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from tests.surefoot.autogenerate.twelve.base import Base, CreatedAt, Key, Text, UpdatedAt, stored_by_value


class TermType(StrEnum):
    """How a school divides its year."""

    SEMESTER = "semester"
    QUARTER = "quarter"
    TRIMESTER = "trimester"
    CUSTOM = "custom"


class Term(Base):
    """A stretch of a school year for which grades are given."""

    __tablename__ = "terms"
    __table_args__ = (sa.Index(None, "created_by"),)

    id: Mapped[Key]
    name: Mapped[str]
    description: Mapped[Text | None]
    start_date: Mapped[dt.date]
    end_date: Mapped[dt.date]
    academic_year: Mapped[str]
    term_type: Mapped[TermType] = mapped_column(
        stored_by_value(TermType, "termtype"), server_default=sa.text("'custom'")
    )
    is_active: Mapped[bool] = mapped_column(server_default=sa.true())
    term_order: Mapped[int] = mapped_column(server_default=sa.text("0"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    created_by: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
