"""shop

Why: points buy something, and what it cost then must stay readable.
Locks: SHARE ROW EXCLUSIVE on users and point_transactions for the foreign keys, for milliseconds: writers wait that
long, readers do not.
Data: none.
Way back: shop_items and shop_redemptions are set aside in schema retired with every row; the way up takes them back.

Revision ID: 92aa7adbb58c
Revises: b9f8ad1d81ba
Create Date: 2026-11-21 11:10:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "92aa7adbb58c"
down_revision = "b9f8ad1d81ba"
branch_labels = None
depends_on = None

FUNCTIONS = (
    """
create or replace function keep_item_as_it_was() returns trigger
language plpgsql
as $$
begin
    execute format('select coalesce($1, name), coalesce($2, cost) from %I.shop_items where id = $3', tg_table_schema)
       into new.item_name, new.cost
      using new.item_name, new.cost, new.item_id;
    return new;
end
$$
""",
)
SHOP_REDEMPTIONS_TRIGGERS = (
    """
create trigger shop_redemptions_as_it_was before insert on shop_redemptions
for each row when (new.item_name is null or new.cost is null)
execute function keep_item_as_it_was()
""",
    """
create trigger shop_redemptions_processed_by_named before insert on shop_redemptions
for each row when (new.processed_by is not null and new.processed_by_name is null)
execute function keep_name('processed_by', 'processed_by_name')
""",
    """
create trigger shop_redemptions_processed_by_renamed before update of processed_by on shop_redemptions
for each row when (
    new.processed_by is not null
    and new.processed_by is distinct from old.processed_by
    and (new.processed_by_name is null or new.processed_by_name is not distinct from old.processed_by_name)
)
execute function keep_name('processed_by', 'processed_by_name')
""",
)


def upgrade() -> None:
    for function in FUNCTIONS:
        op.execute(function)
    # each of these commits; what follows them is one transaction
    restored = {table: op.restore_table(table) for table in ("shop_items", "shop_redemptions")}
    if not restored["shop_items"]:
        create_shop_items()
    if not restored["shop_redemptions"]:
        create_shop_redemptions()


def downgrade() -> None:
    op.retire_table("shop_redemptions")
    op.retire_table("shop_items")
    op.execute("drop function if exists keep_item_as_it_was()")


def create_shop_items() -> None:
    op.create_table(
        "shop_items",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("cost", sa.Numeric(), nullable=False, comment="points"),
        sa.Column("stock", sa.Integer(), comment="how many are left; NULL: as many as are wanted"),
        sa.Column("picture_url", sa.Text()),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("cost > 0 and cost < 'Infinity'", name=op.f("shop_items_cost_check")),
        sa.CheckConstraint("stock >= 0", name=op.f("shop_items_stock_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("shop_items_pkey")),
        comment="What points buy",
    )


def create_shop_redemptions() -> None:
    op.create_table(
        "shop_redemptions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "item_name", sa.Text(), nullable=False, comment="as it was; filled from the item where none is given"
        ),
        sa.Column("cost", sa.Numeric(), nullable=False, comment="as it was; filled from the item where none is given"),
        sa.Column("status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), comment="the ledger's line that paid for it"),
        sa.Column("refund_transaction_id", sa.BigInteger(), comment="the ledger's line that gave the points back"),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("refunded_at", sa.DateTime(timezone=True)),
        sa.Column("processed_by", sa.Integer(), comment="who handed it out or refunded it"),
        sa.Column("processed_by_name", sa.Text(), comment="kept when the user is deleted"),
        sa.CheckConstraint(
            "(status = 'refunded') = (refunded_at is not null)", name=op.f("shop_redemptions_refunded_at_check")
        ),
        sa.CheckConstraint("cost > 0 and cost < 'Infinity'", name=op.f("shop_redemptions_cost_check")),
        sa.CheckConstraint(
            "status in ('pending', 'fulfilled', 'refunded')", name=op.f("shop_redemptions_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["shop_items.id"], name=op.f("shop_redemptions_item_id_fkey"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["processed_by"], ["users.id"], name=op.f("shop_redemptions_processed_by_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["refund_transaction_id"],
            ["point_transactions.id"],
            name=op.f("shop_redemptions_refund_transaction_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("shop_redemptions_student_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["point_transactions.id"],
            name=op.f("shop_redemptions_transaction_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("shop_redemptions_pkey")),
        sa.UniqueConstraint("refund_transaction_id", name=op.f("shop_redemptions_refund_transaction_id_key")),
        sa.UniqueConstraint("transaction_id", name=op.f("shop_redemptions_transaction_id_key")),
        comment="What students bought for points",
    )
    op.create_index(op.f("ix_shop_redemptions_item_id"), "shop_redemptions", ["item_id"])
    op.create_index(op.f("ix_shop_redemptions_processed_by"), "shop_redemptions", ["processed_by"])
    op.create_index(op.f("ix_shop_redemptions_student_id"), "shop_redemptions", ["student_id"])
    for trigger in SHOP_REDEMPTIONS_TRIGGERS:
        op.execute(trigger)
