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
        for table in TABLES:
            op.execute(f"drop index concurrently if exists ix_{table}_id")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for table in TABLES:
            op.execute(DROP_INVALID.format(name=f"ix_{table}_id"))
        op.execute(WAIT_LONG)
        for table in TABLES:
            op.execute(f"create index concurrently if not exists ix_{table}_id on {table} (id)")
        op.execute(WAIT_AS_BEFORE)
