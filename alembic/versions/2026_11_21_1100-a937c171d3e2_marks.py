"""marks

Why: what a pupil got in a test; never more than the test's maximum, also when that is lowered later.
Locks: SHARE ROW EXCLUSIVE on tests and users for the foreign keys, for milliseconds: writers wait that long, readers do
not.
Data: none.
Way back: marks is set aside in schema retired with every row; the way up takes it back.

Revision ID: a937c171d3e2
Revises: ae00ebd96580
Create Date: 2026-11-21 11:00:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "a937c171d3e2"
down_revision = "ae00ebd96580"
branch_labels = None
depends_on = None

FUNCTIONS = (
    """
create or replace function keep_marks_maximum() returns trigger
language plpgsql
as $$
begin
    -- waits for whoever is changing the maximum, and keeps it from changing until this mark is committed
    execute format('select max_marks from %I.tests where id = $1 for key share', tg_table_schema)
       into new.max_marks
      using new.test_id;
    if new.max_marks is null then
        raise exception 'There is no test %.', new.test_id using errcode = 'foreign_key_violation';
    end if;
    return new;
end
$$
""",
)
MARKS_TRIGGERS = (
    """
create trigger marks_max_marks_kept before insert or update of test_id, max_marks on marks
for each row execute function keep_marks_maximum()
""",
    """
create trigger marks_marked_by_named before insert on marks
for each row when (new.marked_by is not null and new.marked_by_name is null)
execute function keep_name('marked_by', 'marked_by_name')
""",
    """
create trigger marks_marked_by_renamed before update of marked_by on marks
for each row when (
    new.marked_by is not null
    and new.marked_by is distinct from old.marked_by
    and (new.marked_by_name is null or new.marked_by_name is not distinct from old.marked_by_name)
)
execute function keep_name('marked_by', 'marked_by_name')
""",
)


def upgrade() -> None:
    for function in FUNCTIONS:
        op.execute(function)
    if not op.restore_table("marks"):
        create_marks()


def downgrade() -> None:
    op.retire_table("marks")
    op.execute("drop function if exists keep_marks_maximum()")


def create_marks() -> None:
    op.create_table(
        "marks",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("test_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False),
        sa.Column("marks", sa.Numeric(), nullable=False),
        sa.Column(
            "max_marks",
            sa.Numeric(),
            nullable=False,
            comment="the test's maximum, copied and held equal by the database, so that a CHECK can compare",
        ),
        sa.Column("remarks", sa.Text()),
        sa.Column("marked_by", sa.Integer()),
        sa.Column("marked_by_name", sa.Text(), comment="kept when the user is deleted"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("marks >= 0 and marks <= max_marks", name=op.f("marks_marks_check")),
        sa.ForeignKeyConstraint(["marked_by"], ["users.id"], name=op.f("marks_marked_by_fkey"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["student_id"], ["users.id"], name=op.f("marks_student_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["test_id", "max_marks"],
            ["tests.id", "tests.max_marks"],
            name=op.f("marks_test_id_max_marks_fkey"),
            onupdate="CASCADE",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("marks_pkey")),
        sa.UniqueConstraint("test_id", "student_id", name=op.f("marks_test_id_student_id_key")),
        comment="What a student got in a test",
    )
    op.create_index(op.f("ix_marks_marked_by"), "marks", ["marked_by"])
    op.create_index(op.f("ix_marks_student_id"), "marks", ["student_id"])
    for trigger in MARKS_TRIGGERS:
        op.execute(trigger)
