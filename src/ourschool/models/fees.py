"""Fees: what a student owes for a month, and what was paid."""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import (
    Base,
    BigKey,
    CreatedAt,
    Money,
    Stored,
    Text,
    UpdatedAt,
    finite,
    one_of,
    referred_by,
    refers_to,
)
from ourschool.models.guards import after_create, name_triggers
from ourschool.models.people import User


class PaymentMethod(StrEnum):
    """How money came."""

    UPI = "upi"
    CASH = "cash"
    CARD = "card"
    BANK = "bank"


class PaymentStatus(StrEnum):
    """What the office has found out about a payment."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class Fee(Base):
    """What one student owes for one month."""

    __tablename__ = "fees"
    __table_args__ = (
        sa.UniqueConstraint("student_id", "period"),
        sa.Index(None, "due_on", postgresql_where=sa.text("paid_at is null")),
        sa.CheckConstraint("extract(day from period) = 1", name="period"),
        finite("amount_due", "> 0"),
        {"comment": "What a student owes for a month"},
    )

    id: Mapped[BigKey]
    student_id: Mapped[int] = mapped_column(
        sa.ForeignKey("users.id", ondelete="RESTRICT"), comment="who owes or paid cannot be deleted"
    )
    period: Mapped[dt.date] = mapped_column(comment="the month, as its first day")
    amount_due: Mapped[Money]
    due_on: Mapped[dt.date | None]
    paid_at: Mapped[dt.datetime | None] = mapped_column(comment="when nothing was owed any more; NULL: unpaid")
    notes: Mapped[Text | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    student: Mapped[User] = refers_to("fees")
    payments: Mapped[list["Payment"]] = referred_by("fee")


class Payment(Base):
    """Money that was paid towards a fee, or is said to have been."""

    __tablename__ = "payments"
    __table_args__ = (
        sa.UniqueConstraint("upi_reference"),
        sa.Index(None, "fee_id"),
        sa.Index(None, "confirmed_by"),
        sa.Index(None, "created_at", postgresql_where=sa.text("status = 'pending'")),
        one_of("method", PaymentMethod),
        one_of("status", PaymentStatus),
        finite("amount", "> 0"),
        sa.CheckConstraint("(status = 'confirmed') = (confirmed_at is not null)", name="confirmed_at"),
        sa.CheckConstraint("upi_reference is null or method = 'upi'", name="upi_reference"),
        {"comment": "What was paid towards a fee, confirmed by the office or not yet"},
    )

    id: Mapped[BigKey]
    fee_id: Mapped[int] = mapped_column(sa.ForeignKey("fees.id", ondelete="RESTRICT"))
    amount: Mapped[Money]
    method: Mapped[PaymentMethod] = mapped_column(Stored(PaymentMethod))
    status: Mapped[PaymentStatus] = mapped_column(Stored(PaymentStatus), server_default=sa.text("'pending'"))
    upi_reference: Mapped[Text | None] = mapped_column(comment="of the UPI transfer; nobody can claim one twice")
    receipt_url: Mapped[Text | None]
    notes: Mapped[Text | None]
    confirmed_at: Mapped[dt.datetime | None]
    confirmed_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    confirmed_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    fee: Mapped[Fee] = refers_to("payments")
    confirmer: Mapped[User | None] = refers_to("payments_confirmed", confirmed_by)


after_create(Payment, *name_triggers("payments", "confirmed_by"))
