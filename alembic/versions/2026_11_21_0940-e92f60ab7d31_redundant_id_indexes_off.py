"""redundant id indexes off

Why: each table has an index on id beside its primary key, which is one already: every insert pays for both.
Locks: SHARE UPDATE EXCLUSIVE on one table at a time, which stops nobody who reads or writes.
Data: none is touched.
Way back: the indexes are built again, concurrently.

Revision ID: e92f60ab7d31
Revises: 17d4b8e26fa9
Create Date: 2026-11-21 09:40:00+00:00
"""

from alembic import op

revision = "e92f60ab7d31"
down_revision = "17d4b8e26fa9"
branch_labels = None
depends_on = None

TABLES = (
    "assignment_templates",
    "attendance_records",
    "grade_history",
    "journal_entries",
    "lesson_assignments",
    "lessons",
    "student_assignments",
    "student_term_grades",
    "subjects",
    "term_subjects",
    "terms",
    "users",
)


def upgrade() -> None:
    for table in TABLES:
        op.drop_index_online(f"ix_{table}_id", table)


def downgrade() -> None:
    for table in TABLES:
        op.create_index_online(f"ix_{table}_id", table, ["id"])
