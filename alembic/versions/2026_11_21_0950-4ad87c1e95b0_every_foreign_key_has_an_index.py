"""every foreign key has an index

Why: without one, deleting or merging a user reads every row of every table that may point to it, and so does each page
that lists what belongs to somebody.
Locks: SHARE UPDATE EXCLUSIVE on one table at a time, which stops nobody who reads or writes.
Data: none is touched.
Way back: the indexes go again, concurrently.

Revision ID: 4ad87c1e95b0
Revises: e92f60ab7d31
Create Date: 2026-11-21 09:50:00+00:00
"""

from alembic import op

revision = "4ad87c1e95b0"
down_revision = "e92f60ab7d31"
branch_labels = None
depends_on = None

# journal_entries.student_id, student_term_grades.student_id and term_subjects.term_id have one that leads with them
FOREIGN_KEYS = (
    ("assignment_templates", "created_by"),
    ("assignment_templates", "lesson_id"),
    ("assignment_templates", "subject_id"),
    ("attendance_records", "student_id"),
    ("grade_history", "assignment_id"),
    ("grade_history", "changed_by"),
    ("grade_history", "student_term_grade_id"),
    ("journal_entries", "author_id"),
    ("lesson_assignments", "assignment_template_id"),
    ("lesson_assignments", "lesson_id"),
    ("student_assignments", "assigned_by"),
    ("student_assignments", "graded_by"),
    ("student_assignments", "student_id"),
    ("student_assignments", "template_id"),
    ("student_term_grades", "finalized_by"),
    ("student_term_grades", "term_subject_id"),
    ("term_subjects", "subject_id"),
    ("terms", "created_by"),
    ("users", "parent_id"),
)


def upgrade() -> None:
    for table, column in FOREIGN_KEYS:
        op.create_index_online(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    for table, column in reversed(FOREIGN_KEYS):
        op.drop_index_online(f"ix_{table}_{column}", table)
