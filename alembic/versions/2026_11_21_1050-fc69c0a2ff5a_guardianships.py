"""guardianships

Why: a student has more than one who looks after them, and users.parent_id knows only one.
Locks: SHARE ROW EXCLUSIVE on users for the foreign keys, for milliseconds: writers wait that long, readers do not.
Data: each parent_id becomes a guardianship, the primary one unless the student has one already; parent_id stays. Who is
said to be their own parent gets none, and the run says who.
Way back: guardianships is set aside in schema retired with every row; the way up takes it back and adds what parent_id
says by then.

Revision ID: fc69c0a2ff5a
Revises: 410806d8ed38
Create Date: 2026-11-21 10:50:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "fc69c0a2ff5a"
down_revision = "410806d8ed38"
branch_labels = None
depends_on = None


FROM_PARENTS = """
insert into guardianships (guardian_id, student_id, is_primary)
select parent_id,
       id,
       not exists (select from guardianships as there where there.student_id = users.id and there.is_primary)
  from users
 where parent_id <> id
    on conflict (guardian_id, student_id) do nothing
"""
TELL = """
do $$
declare
    found integer;
    shown text;
begin
    select count(*),
           string_agg(id::text, ', ' order by id) filter (where place <= 10)
      into found, shown
      from (select id, row_number() over (order by id) as place from users where parent_id = id) as own;
    if found > 0 then
        raise warning 'guardianships: % users are their own parent by parent_id and have no guardian from it '
            '(first ones: users %)', found, shown;
    end if;
end
$$
"""


def upgrade() -> None:
    if not op.restore_table("guardianships"):
        create_guardianships()
    op.execute(FROM_PARENTS)
    op.execute(TELL)


def downgrade() -> None:
    op.retire_table("guardianships")


def create_guardianships() -> None:
    op.create_table(
        "guardianships",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("guardian_id", sa.Integer(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False),
        sa.Column(
            "relation",
            sa.Text(),
            server_default=sa.text("'parent'"),
            nullable=False,
            comment="what the guardian is to the student: mother, father, aunt, ...",
        ),
        sa.Column(
            "is_primary",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whom the school calls first; at most one a student",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("btrim(relation) <> ''", name=op.f("guardianships_relation_check")),
        sa.CheckConstraint("guardian_id <> student_id", name=op.f("guardianships_guardian_id_check")),
        sa.ForeignKeyConstraint(
            ["guardian_id"], ["users.id"], name=op.f("guardianships_guardian_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("guardianships_student_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("guardianships_pkey")),
        sa.UniqueConstraint("guardian_id", "student_id", name=op.f("guardianships_guardian_id_student_id_key")),
        comment="Who looks after which student",
    )
    op.create_index(op.f("ix_guardianships_student_id"), "guardianships", ["student_id"])
    op.create_index(
        "ix_guardianships_student_id_primary",
        "guardianships",
        ["student_id"],
        unique=True,
        postgresql_where=sa.text("is_primary"),
    )
