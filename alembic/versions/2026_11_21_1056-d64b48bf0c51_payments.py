"""payments

Why: what was paid, how, and who has confirmed it was in a book.
Locks: SHARE ROW EXCLUSIVE on fees and users for the foreign keys, for milliseconds: writers wait that long, readers do
not.
Data: none.
Way back: payments is set aside in schema retired with every row; the way up takes it back.

Revision ID: d64b48bf0c51
Revises: c408593ea583
Create Date: 2026-11-21 10:56:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "d64b48bf0c51"
down_revision = "c408593ea583"
branch_labels = None
depends_on = None

PAYMENTS_TRIGGERS = (
    """
create trigger payments_confirmed_by_named before insert on payments
for each row when (new.confirmed_by is not null and new.confirmed_by_name is null)
execute function keep_name('confirmed_by', 'confirmed_by_name')
""",
    """
create trigger payments_confirmed_by_renamed before update of confirmed_by on payments
for each row when (
    new.confirmed_by is not null
    and new.confirmed_by is distinct from old.confirmed_by
    and (new.confirmed_by_name is null or new.confirmed_by_name is not distinct from old.confirmed_by_name)
)
execute function keep_name('confirmed_by', 'confirmed_by_name')
""",
)


def upgrade() -> None:
    if not op.restore_table("payments"):
        create_payments()


def downgrade() -> None:
    op.retire_table("payments")


def create_payments() -> None:
    op.create_table(
        "payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("fee_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("upi_reference", sa.Text(), comment="of the UPI transfer; nobody can claim one twice"),
        sa.Column("receipt_url", sa.Text()),
        sa.Column("notes", sa.Text()),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("confirmed_by", sa.Integer()),
        sa.Column("confirmed_by_name", sa.Text(), comment="kept when the user is deleted"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(status = 'confirmed') = (confirmed_at is not null)", name=op.f("payments_confirmed_at_check")
        ),
        sa.CheckConstraint("amount > 0 and amount < 'Infinity'", name=op.f("payments_amount_check")),
        sa.CheckConstraint("method in ('upi', 'cash', 'card', 'bank')", name=op.f("payments_method_check")),
        sa.CheckConstraint("status in ('pending', 'confirmed', 'rejected')", name=op.f("payments_status_check")),
        sa.CheckConstraint("upi_reference is null or method = 'upi'", name=op.f("payments_upi_reference_check")),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["users.id"], name=op.f("payments_confirmed_by_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["fee_id"], ["fees.id"], name=op.f("payments_fee_id_fkey"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("payments_pkey")),
        sa.UniqueConstraint("upi_reference", name=op.f("payments_upi_reference_key")),
        comment="What was paid towards a fee, confirmed by the office or not yet",
    )
    op.create_index(op.f("ix_payments_confirmed_by"), "payments", ["confirmed_by"])
    op.create_index(
        op.f("ix_payments_created_at"), "payments", ["created_at"], postgresql_where=sa.text("status = 'pending'")
    )
    op.create_index(op.f("ix_payments_fee_id"), "payments", ["fee_id"])
    for trigger in PAYMENTS_TRIGGERS:
        op.execute(trigger)
