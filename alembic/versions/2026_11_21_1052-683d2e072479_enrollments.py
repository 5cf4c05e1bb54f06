"""enrollments

Why: in which class a pupil was, and when, is asked for years after.
Locks: SHARE ROW EXCLUSIVE on users and school_classes for the foreign keys, for milliseconds: writers wait that long,
readers do not.
Data: none; no old table knows classes.
Way back: enrollments is set aside in schema retired with every row; the way up takes it back.

Revision ID: 683d2e072479
Revises: fc69c0a2ff5a
Create Date: 2026-11-21 10:52:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "683d2e072479"
down_revision = "fc69c0a2ff5a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if not op.restore_table("enrollments"):
        create_enrollments()


def downgrade() -> None:
    op.retire_table("enrollments")


def create_enrollments() -> None:
    op.create_table(
        "enrollments",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.BigInteger(), nullable=False),
        sa.Column("joined_on", sa.Date(), server_default=sa.text("current_date"), nullable=False),
        sa.Column("left_on", sa.Date(), comment="the last day; NULL: still there"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("left_on >= joined_on", name=op.f("enrollments_left_on_check")),
        sa.ForeignKeyConstraint(
            ["class_id"], ["school_classes.id"], name=op.f("enrollments_class_id_fkey"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("enrollments_student_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("enrollments_pkey")),
        comment="Which student was in which class from when to when",
    )
    op.create_index(op.f("ix_enrollments_class_id"), "enrollments", ["class_id"])
    op.create_index(
        "ix_enrollments_student_id_class_id_open",
        "enrollments",
        ["student_id", "class_id"],
        unique=True,
        postgresql_where=sa.text("left_on is null"),
    )
    op.create_index(op.f("ix_enrollments_student_id_joined_on"), "enrollments", ["student_id", "joined_on"])
