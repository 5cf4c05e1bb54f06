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

DROP_INVALID = """
do $$
begin
    -- what a build that was cut off left behind; IF NOT EXISTS would take it for the index
    if exists (select from pg_index where indexrelid = to_regclass('{name}') and not indisvalid) then
        drop index {name};
    end if;
end
$$
"""

# The build waits for older transactions to end, and stops nobody while it does. Dropping what is INVALID stops others
# while it waits, so that comes before. RESET would not do afterwards: the connection may be an application's.
WAIT_LONG = """
do $$
begin
    perform set_config('ourschool.lock_timeout', current_setting('lock_timeout'), false);
    perform set_config('lock_timeout', '60s', false);
end
$$
"""
WAIT_AS_BEFORE = """
do $$
begin
    perform set_config('lock_timeout', current_setting('ourschool.lock_timeout'), false);
end
$$
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table, column in FOREIGN_KEYS:
            op.execute(DROP_INVALID.format(name=f"ix_{table}_{column}"))
        op.execute(WAIT_LONG)
        for table, column in FOREIGN_KEYS:
            op.execute(f"create index concurrently if not exists ix_{table}_{column} on {table} ({column})")
        op.execute(WAIT_AS_BEFORE)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for table, column in reversed(FOREIGN_KEYS):
            op.execute(f"drop index concurrently if exists ix_{table}_{column}")
