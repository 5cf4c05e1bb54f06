"""withdrawal requests

Why: a pupil who wants to leave asked by mail, twice, and was answered twice.
Locks: SHARE ROW EXCLUSIVE on users for the foreign keys, for milliseconds: writers wait that long, readers do not.
Data: none.
Way back: withdrawal_requests is set aside in schema retired with every row; the way up takes it back.

Revision ID: a122ecf1e7b5
Revises: 01314a237f6e
Create Date: 2026-11-21 11:18:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "a122ecf1e7b5"
down_revision = "01314a237f6e"
branch_labels = None
depends_on = None

WITHDRAWAL_REQUESTS_TRIGGERS = (
    """
create trigger withdrawal_requests_processed_by_named before insert on withdrawal_requests
for each row when (new.processed_by is not null and new.processed_by_name is null)
execute function keep_name('processed_by', 'processed_by_name')
""",
    """
create trigger withdrawal_requests_processed_by_renamed before update of processed_by on withdrawal_requests
for each row when (
    new.processed_by is not null
    and new.processed_by is distinct from old.processed_by
    and (new.processed_by_name is null or new.processed_by_name is not distinct from old.processed_by_name)
)
execute function keep_name('processed_by', 'processed_by_name')
""",
)


def upgrade() -> None:
    if not op.restore_table("withdrawal_requests"):
        create_withdrawal_requests()


def downgrade() -> None:
    op.retire_table("withdrawal_requests")


def create_withdrawal_requests() -> None:
    op.create_table(
        "withdrawal_requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("response", sa.Text(), comment="what the office told the student"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True)),
        sa.Column("processed_by", sa.Integer()),
        sa.Column("processed_by_name", sa.Text(), comment="kept when the user is deleted"),
        sa.CheckConstraint(
            "(status = 'pending') = (processed_at is null)", name=op.f("withdrawal_requests_processed_at_check")
        ),
        sa.CheckConstraint(
            "status in ('pending', 'approved', 'rejected')", name=op.f("withdrawal_requests_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["processed_by"], ["users.id"], name=op.f("withdrawal_requests_processed_by_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("withdrawal_requests_student_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("withdrawal_requests_pkey")),
        comment="Students' wishes to leave the school; at most one is pending a student",
    )
    op.create_index(op.f("ix_withdrawal_requests_processed_by"), "withdrawal_requests", ["processed_by"])
    op.create_index(op.f("ix_withdrawal_requests_student_id"), "withdrawal_requests", ["student_id"])
    op.create_index(
        "ix_withdrawal_requests_student_id_pending",
        "withdrawal_requests",
        ["student_id"],
        unique=True,
        postgresql_where=sa.text("status = 'pending'"),
    )
    for trigger in WITHDRAWAL_REQUESTS_TRIGGERS:
        op.execute(trigger)
