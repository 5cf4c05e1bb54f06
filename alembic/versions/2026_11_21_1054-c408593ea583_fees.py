"""fees

Why: what a pupil owes for a month was in a book.
Locks: SHARE ROW EXCLUSIVE on users for the foreign keys, for milliseconds: writers wait that long, readers do not.
Data: none.
Way back: fees is set aside in schema retired with every row; the way up takes it back.

Revision ID: c408593ea583
Revises: 683d2e072479
Create Date: 2026-11-21 10:54:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "c408593ea583"
down_revision = "683d2e072479"
branch_labels = ("fees",)
depends_on = None


def upgrade() -> None:
    if not op.restore_table("fees"):
        create_fees()


def downgrade() -> None:
    op.retire_table("fees")


def create_fees() -> None:
    op.create_table(
        "fees",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False, comment="who owes or paid cannot be deleted"),
        sa.Column("period", sa.Date(), nullable=False, comment="the month, as its first day"),
        sa.Column("amount_due", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("due_on", sa.Date()),
        sa.Column("paid_at", sa.DateTime(timezone=True), comment="when nothing was owed any more; NULL: unpaid"),
        sa.Column("notes", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount_due > 0 and amount_due < 'Infinity'", name=op.f("fees_amount_due_check")),
        sa.CheckConstraint("extract(day from period) = 1", name=op.f("fees_period_check")),
        sa.ForeignKeyConstraint(["student_id"], ["users.id"], name=op.f("fees_student_id_fkey"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("fees_pkey")),
        sa.UniqueConstraint("student_id", "period", name=op.f("fees_student_id_period_key")),
        comment="What a student owes for a month",
    )
    op.create_index(op.f("ix_fees_due_on"), "fees", ["due_on"], postgresql_where=sa.text("paid_at is null"))
