"""tests

Why: a test is sat by a class on a day, which no assignment is.
Locks: SHARE ROW EXCLUSIVE on subjects, school_classes and users for the foreign keys, for milliseconds: writers wait
that long, readers do not.
Data: none.
Way back: tests is set aside in schema retired with every row; the way up takes it back.

Revision ID: ae00ebd96580
Revises: 683d2e072479
Create Date: 2026-11-21 10:58:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "ae00ebd96580"
down_revision = "683d2e072479"
branch_labels = ("exams",)
depends_on = None

TESTS_TRIGGERS = (
    """
create trigger tests_created_by_named before insert on tests
for each row when (new.created_by is not null and new.created_by_name is null)
execute function keep_name('created_by', 'created_by_name')
""",
    """
create trigger tests_created_by_renamed before update of created_by on tests
for each row when (
    new.created_by is not null
    and new.created_by is distinct from old.created_by
    and (new.created_by_name is null or new.created_by_name is not distinct from old.created_by_name)
)
execute function keep_name('created_by', 'created_by_name')
""",
)


def upgrade() -> None:
    if not op.restore_table("tests"):
        create_tests()


def downgrade() -> None:
    op.retire_table("tests")


def create_tests() -> None:
    op.create_table(
        "tests",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("subject_id", sa.Integer()),
        sa.Column("class_id", sa.BigInteger(), comment="NULL: all classes"),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("max_marks", sa.Numeric(), nullable=False, comment="cannot become less than a mark that was given"),
        sa.Column("question_paper_url", sa.Text()),
        sa.Column("created_by", sa.Integer()),
        sa.Column("created_by_name", sa.Text(), comment="kept when the user is deleted"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("max_marks > 0 and max_marks < 'Infinity'", name=op.f("tests_max_marks_check")),
        sa.ForeignKeyConstraint(
            ["class_id"], ["school_classes.id"], name=op.f("tests_class_id_fkey"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("tests_created_by_fkey"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subjects.id"], name=op.f("tests_subject_id_fkey"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("tests_pkey")),
        sa.UniqueConstraint("id", "max_marks", name=op.f("tests_id_max_marks_key")),
        comment="Tests that a class or the whole school sits",
    )
    op.create_index(op.f("ix_tests_class_id_held_on"), "tests", ["class_id", "held_on"])
    op.create_index(op.f("ix_tests_created_by"), "tests", ["created_by"])
    op.create_index(op.f("ix_tests_subject_id"), "tests", ["subject_id"])
    for trigger in TESTS_TRIGGERS:
        op.execute(trigger)
