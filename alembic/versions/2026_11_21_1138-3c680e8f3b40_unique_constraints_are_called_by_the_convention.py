"""unique constraints are called by the convention

Why: two names that somebody chose by hand were the only ones that nobody could tell beforehand.
Locks: ACCESS EXCLUSIVE on term_subjects and student_term_grades for milliseconds, one after the other, the catalogue
alone.
Data: none is touched.
Way back: the old names.

Revision ID: 3c680e8f3b40
Revises: 5b503ac82380
Create Date: 2026-11-21 11:38:00+00:00
"""

from alembic import op

revision = "3c680e8f3b40"
down_revision = "5b503ac82380"
branch_labels = None
depends_on = None

NAMES = {
    "term_subjects": ("uq_term_subject", "term_subjects_term_id_subject_id_key"),
    "student_term_grades": ("uq_student_term_subject", "student_term_grades_student_id_term_subject_id_key"),
}


def upgrade() -> None:
    for table, (old, new) in NAMES.items():
        # lint: renaming-object no statement needs the name: ON CONFLICT finds it by its columns as well
        op.execute(f"alter table {table} rename constraint {old} to {new}")


def downgrade() -> None:
    for table, (old, new) in NAMES.items():
        # lint: renaming-object no statement needs the name: ON CONFLICT finds it by its columns as well
        op.execute(f"alter table {table} rename constraint {new} to {old}")
