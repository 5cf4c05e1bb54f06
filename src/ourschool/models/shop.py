"""The shop: what points buy, and who bought it."""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import (
    Amount,
    Base,
    BigKey,
    CreatedAt,
    Moment,
    On,
    Stored,
    Text,
    UpdatedAt,
    finite,
    one_of,
    referred_by,
    refers_to,
)
from ourschool.models.guards import after_create, name_triggers, revoke_execute
from ourschool.models.people import User
from ourschool.models.points import PointTransaction

AS_IT_WAS = """
create function keep_item_as_it_was() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('select coalesce($1, name), coalesce($2, cost) from %I.shop_items where id = $3', tg_table_schema)
       into new.item_name, new.cost
      using new.item_name, new.cost, new.item_id;
    return new;
end
$$
"""
AS_IT_WAS_TRIGGER = """
create trigger shop_redemptions_as_it_was before insert on shop_redemptions
for each row when (new.item_name is null or new.cost is null)
execute function keep_item_as_it_was()
"""


class RedemptionStatus(StrEnum):
    """Whether the student has got what was bought."""

    PENDING = "pending"
    FULFILLED = "fulfilled"
    REFUNDED = "refunded"


class ShopItem(Base):
    """Something that points buy."""

    __tablename__ = "shop_items"
    __table_args__ = (
        finite("cost", "> 0"),
        sa.CheckConstraint("stock >= 0", name="stock"),
        {"comment": "What points buy"},
    )

    id: Mapped[BigKey]
    name: Mapped[Text]
    description: Mapped[Text | None]
    cost: Mapped[Amount] = mapped_column(comment="points")
    stock: Mapped[int | None] = mapped_column(comment="how many are left; NULL: as many as are wanted")
    picture_url: Mapped[Text | None]
    is_active: Mapped[On]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    redemptions: Mapped[list["ShopRedemption"]] = referred_by("item")


class ShopRedemption(Base):
    """Something that a student bought for points."""

    __tablename__ = "shop_redemptions"
    __table_args__ = (
        sa.UniqueConstraint("transaction_id"),
        sa.UniqueConstraint("refund_transaction_id"),
        sa.Index(None, "student_id"),
        sa.Index(None, "item_id"),
        sa.Index(None, "processed_by"),
        one_of("status", RedemptionStatus),
        finite("cost", "> 0"),
        sa.CheckConstraint("(status = 'refunded') = (refunded_at is not null)", name="refunded_at"),
        {"comment": "What students bought for points"},
    )

    id: Mapped[BigKey]
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("shop_items.id", ondelete="RESTRICT"))
    item_name: Mapped[Text] = mapped_column(comment="as it was; filled from the item where none is given")
    cost: Mapped[Amount] = mapped_column(comment="as it was; filled from the item where none is given")
    status: Mapped[RedemptionStatus] = mapped_column(Stored(RedemptionStatus), server_default=sa.text("'pending'"))
    transaction_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("point_transactions.id", ondelete="SET NULL"), comment="the ledger's line that paid for it"
    )
    refund_transaction_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("point_transactions.id", ondelete="SET NULL"),
        comment="the ledger's line that gave the points back",
    )
    redeemed_at: Mapped[Moment]
    refunded_at: Mapped[dt.datetime | None]
    processed_by: Mapped[int | None] = mapped_column(
        sa.ForeignKey("users.id", ondelete="SET NULL"), comment="who handed it out or refunded it"
    )
    processed_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")

    student: Mapped[User] = refers_to("redemptions", student_id)
    item: Mapped[ShopItem] = refers_to("redemptions")
    transaction: Mapped[PointTransaction | None] = refers_to("redemption", transaction_id)
    refund_transaction: Mapped[PointTransaction | None] = refers_to("refunded_redemption", refund_transaction_id)
    processor: Mapped[User | None] = refers_to("redemptions_processed", processed_by)


after_create(
    ShopRedemption,
    AS_IT_WAS,
    revoke_execute("keep_item_as_it_was"),
    AS_IT_WAS_TRIGGER,
    *name_triggers("shop_redemptions", "processed_by"),
)
