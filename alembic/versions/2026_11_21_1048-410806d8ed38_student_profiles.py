"""student profiles

Why: what the school knows of a pupil beyond the account had no place.
Locks: SHARE ROW EXCLUSIVE on users and school_classes for the foreign keys, for milliseconds: writers wait that long,
readers do not.
Data: none; the office adds a profile when it knows something.
Way back: student_profiles is set aside in schema retired with every row; the way up takes it back.

Revision ID: 410806d8ed38
Revises: 9f0ff0e230ac
Create Date: 2026-11-21 10:48:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "410806d8ed38"
down_revision = "9f0ff0e230ac"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if not op.restore_table("student_profiles"):
        create_student_profiles()


def downgrade() -> None:
    op.retire_table("student_profiles")


def create_student_profiles() -> None:
    op.create_table(
        "student_profiles",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.BigInteger(), comment="the class of today; which ones there were, enrollments knows"),
        sa.Column("roll_number", sa.Integer(), comment="the place in the class's roll"),
        sa.Column("reg_no", sa.Text(), comment="the school's own registration number"),
        sa.Column("guardian_phone", sa.Text()),
        sa.Column("student_phone", sa.Text()),
        sa.Column("school_name", sa.Text(), comment="the school that the student goes to in the mornings"),
        sa.Column("picture_url", sa.Text()),
        sa.Column("pending_popup", sa.Text(), comment="shown once at the next sign-in, then NULL"),
        sa.Column(
            "last_seen_notification_id", sa.BigInteger(), comment="newest notification shown; a mark, not a reference"
        ),
        sa.Column("last_seen_test_id", sa.BigInteger(), comment="newest test shown; a mark, not a reference"),
        sa.Column("last_seen_resource_id", sa.BigInteger(), comment="newest resource shown; a mark, not a reference"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("roll_number > 0", name=op.f("student_profiles_roll_number_check")),
        sa.ForeignKeyConstraint(
            ["class_id"], ["school_classes.id"], name=op.f("student_profiles_class_id_fkey"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("student_profiles_student_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("student_profiles_pkey")),
        sa.UniqueConstraint("class_id", "roll_number", name=op.f("student_profiles_class_id_roll_number_key")),
        sa.UniqueConstraint("reg_no", name=op.f("student_profiles_reg_no_key")),
        sa.UniqueConstraint("student_id", name=op.f("student_profiles_student_id_key")),
        comment="What the school knows of a student beyond the account; one row a student",
    )
