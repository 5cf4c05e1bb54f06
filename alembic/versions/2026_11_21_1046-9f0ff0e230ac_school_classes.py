"""school classes

Why: a class was a number in a pupil's record, and had neither teacher nor year.
Locks: SHARE ROW EXCLUSIVE on users for the foreign keys, for milliseconds: writers wait that long, readers do not.
Data: none; no old table knows classes.
Way back: school_classes is set aside in schema retired with every row; the way up takes it back.

Revision ID: 9f0ff0e230ac
Revises: 6ef5e6668592
Create Date: 2026-11-21 10:46:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "9f0ff0e230ac"
down_revision = "6ef5e6668592"
branch_labels = None
depends_on = None

TWO_YEARS = """
case
    when academic_year ~ '^[0-9]{4}-[0-9]{4}$'
        then right(academic_year, 4)::integer = left(academic_year, 4)::integer + 1
    else false
end
"""


def upgrade() -> None:
    if not op.restore_table("school_classes"):
        create_school_classes()


def downgrade() -> None:
    op.retire_table("school_classes")


def create_school_classes() -> None:
    op.create_table(
        "school_classes",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("academic_year", sa.Text(), nullable=False, comment="like 2024-2025"),
        sa.Column("code", sa.Text(), nullable=False, comment="what the class is called in the timetable, like 7B"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), comment="science, arts, ...; NULL where the school has none"),
        sa.Column("capacity", sa.Integer(), comment="seats; NULL: not limited"),
        sa.Column("class_teacher_id", sa.Integer()),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("btrim(code) <> ''", name=op.f("school_classes_code_check")),
        sa.CheckConstraint(TWO_YEARS, name=op.f("school_classes_academic_year_check")),
        sa.CheckConstraint("capacity > 0", name=op.f("school_classes_capacity_check")),
        sa.ForeignKeyConstraint(
            ["class_teacher_id"], ["users.id"], name=op.f("school_classes_class_teacher_id_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("school_classes_pkey")),
        sa.UniqueConstraint("academic_year", "code", name=op.f("school_classes_academic_year_code_key")),
        comment="The classes of each school year",
    )
    op.create_index(op.f("ix_school_classes_class_teacher_id"), "school_classes", ["class_teacher_id"])
