"""Points: the ledger of what students earn and spend, and the balance that the database keeps from it."""

from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import Amount, Base, BigKey, Moment, Stored, Text, one_of, referred_by, refers_to
from ourschool.models.guards import after_create, append_only_triggers, name_triggers, revoke_execute
from ourschool.models.people import User

if TYPE_CHECKING:
    from ourschool.models.shop import ShopRedemption


class PointType(StrEnum):
    """What a transaction does."""

    EARNED = "earned"
    SPENT = "spent"
    REFUNDED = "refunded"
    ADJUSTED = "adjusted"


class PointSource(StrEnum):
    """What points were given or taken for."""

    ASSIGNMENT = "assignment"
    ATTENDANCE = "attendance"
    JOURNAL = "journal"
    TEST = "test"
    SHOP = "shop"
    MANUAL = "manual"


KEEP_BALANCE = """
create function keep_balance() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('search_path', format('%I, pg_temp', tg_table_schema), true);
    -- always in order of student: two writers of several students then never wait for each other in a circle
    if tg_op = 'INSERT' then
        insert into student_points as kept (student_id, balance)
        select student_id, sum(amount)
          from added
         group by student_id
         order by student_id
            on conflict (student_id) do update
           set balance = kept.balance + excluded.balance,
               updated_at = now();
    elsif tg_op = 'DELETE' then
        perform from student_points
          where student_id in (select student_id from removed)
          order by student_id
            for update;
        update student_points
           set balance = balance - gone.amount,
               updated_at = now()
          from (select student_id, sum(amount) as amount from removed group by student_id) as gone
         where student_points.student_id = gone.student_id;
    else
        insert into student_points as kept (student_id, balance)
        select student_id, sum(amount)
          from (values (old.student_id, -old.amount), (new.student_id, new.amount)) as moved (student_id, amount)
         group by student_id
         order by student_id
            on conflict (student_id) do update
           set balance = kept.balance + excluded.balance,
               updated_at = now();
    end if;
    return null;
end
$$
"""
KEEP_BALANCE_TRIGGERS = (
    """
create trigger point_transactions_added after insert on point_transactions
referencing new table as added
for each statement execute function keep_balance()
""",
    """
create trigger point_transactions_removed after delete on point_transactions
referencing old table as removed
for each statement execute function keep_balance()
""",
    """
create trigger point_transactions_moved after update on point_transactions
for each row when (old.student_id <> new.student_id or old.amount <> new.amount)
execute function keep_balance()
""",
)
AWARDER_NAME = """
create function keep_awarder_name() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- keep_name() for this column alone: its plan is kept, which the ledger's many rows are worth
    perform set_config('search_path', format('%I, pg_temp', tg_table_schema), true);
    select btrim(concat_ws(' ', first_name, last_name)) into new.awarded_by_name from users where id = new.awarded_by;
    return new;
end
$$
"""
AWARDER_NAME_TRIGGER = """
create trigger point_transactions_awarded_by_named before insert on point_transactions
for each row when (new.awarded_by is not null and new.awarded_by_name is null)
execute function keep_awarder_name()
"""
ONLY_THE_LEDGER = """
create function only_the_ledger() returns trigger
language plpgsql
as $$
begin
    -- the ledger's trigger, and the deletion of the student, come through another trigger: WHEN lets them pass
    if pg_trigger_depth() < 2 and coalesce(current_setting('ourschool.retiring', true), '') <> 'on' then
        raise exception 'The balance follows the ledger: % of % is refused', tg_op, tg_table_name
            using errcode = 'restrict_violation',
                  hint = 'Insert into point_transactions instead.';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end
$$
"""
ONLY_THE_LEDGER_TRIGGERS = (
    """
create trigger student_points_only_the_ledger before insert or update or delete on student_points
for each row when (pg_trigger_depth() = 0) execute function only_the_ledger()
""",
    """
create trigger student_points_never_truncated before truncate on student_points
for each statement execute function only_the_ledger()
""",
)


class StudentPoints(Base):
    """The balance of one student, kept by the database from the ledger."""

    __tablename__ = "student_points"
    __table_args__ = (
        sa.UniqueConstraint("student_id"),
        {"comment": "The balance of each student; the database keeps it from point_transactions, nobody else may"},
    )

    id: Mapped[BigKey]
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    balance: Mapped[Amount] = mapped_column(server_default=sa.text("0"), comment="the sum of the ledger's amounts")
    updated_at: Mapped[Moment]

    student: Mapped[User] = refers_to("points")


class PointTransaction(Base):
    """One line of the ledger: points given to a student or taken."""

    __tablename__ = "point_transactions"
    __table_args__ = (
        sa.Index(
            "ix_point_transactions_student_id_created_at_id",
            "student_id",
            sa.text("created_at desc"),
            sa.text("id desc"),
        ),
        sa.Index("ix_point_transactions_created_at_id", sa.text("created_at desc"), sa.text("id desc")),
        sa.Index(None, "student_id", "type", "source", postgresql_include=["amount"]),
        sa.Index(None, "awarded_by"),
        one_of("type", PointType),
        one_of("source", PointSource),
        sa.CheckConstraint("amount <> 0 and amount > '-Infinity' and amount < 'Infinity'", name="amount"),
        {"comment": "The ledger of points; only grows"},
    )

    id: Mapped[BigKey]
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    amount: Mapped[Amount] = mapped_column(comment="given where positive, taken where negative")
    type: Mapped[PointType] = mapped_column(Stored(PointType))
    source: Mapped[PointSource] = mapped_column(Stored(PointSource), server_default=sa.text("'manual'"))
    source_id: Mapped[int | None] = mapped_column(
        sa.BigInteger(), comment="the row of the source that it was for; a note, not a reference"
    )
    reason: Mapped[Text | None]
    awarded_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    awarded_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    created_at: Mapped[Moment]

    student: Mapped[User] = refers_to("point_transactions", student_id)
    redemption: Mapped["ShopRedemption | None"] = referred_by("transaction", "ShopRedemption.transaction_id")
    refunded_redemption: Mapped["ShopRedemption | None"] = referred_by(
        "refund_transaction", "ShopRedemption.refund_transaction_id"
    )
    awarder: Mapped[User | None] = refers_to("points_awarded", awarded_by)


after_create(StudentPoints, ONLY_THE_LEDGER, *ONLY_THE_LEDGER_TRIGGERS)
after_create(
    PointTransaction,
    KEEP_BALANCE,
    revoke_execute("keep_balance"),
    *KEEP_BALANCE_TRIGGERS,
    *append_only_triggers("point_transactions"),
    AWARDER_NAME,
    revoke_execute("keep_awarder_name"),
    AWARDER_NAME_TRIGGER,
    name_triggers("point_transactions", "awarded_by")[1],
)
