"""reports find assignments by the day that counts

Why: a report card reads a student's assignments by the day on which they count, extended or due or assigned; the lists
of what is overdue and what was graded lately read those of all students.
Locks: SHARE UPDATE EXCLUSIVE on one table at a time, which stops nobody who reads or writes.
Data: none is touched.
Way back: the indexes go, and the one on student_id alone is built again, which the first of them made needless.

Revision ID: bcd31437401e
Revises: ad545c1a25a3
Create Date: 2026-11-21 11:46:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "bcd31437401e"
down_revision = "ad545c1a25a3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index_online(
        "ix_student_assignments_student_id_coalesce",
        "student_assignments",
        ["student_id", sa.text("coalesce(extended_due_date, due_date, assigned_date)")],
    )
    op.create_index_online(
        "ix_student_assignments_coalesce_open",
        "student_assignments",
        [sa.text("coalesce(extended_due_date, due_date)")],
        postgresql_where="status in ('not_started', 'in_progress', 'overdue')",
    )
    op.create_index_online(
        "ix_student_assignments_graded_at",
        "student_assignments",
        ["graded_at"],
        postgresql_where="graded_at is not null",
    )
    op.drop_index_online("ix_student_assignments_student_id", "student_assignments")


def downgrade() -> None:
    op.create_index_online("ix_student_assignments_student_id", "student_assignments", ["student_id"])
    op.drop_index_online("ix_student_assignments_graded_at", "student_assignments")
    op.drop_index_online("ix_student_assignments_coalesce_open", "student_assignments")
    op.drop_index_online("ix_student_assignments_student_id_coalesce", "student_assignments")
