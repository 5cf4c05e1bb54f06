"""what a deletion does is said by every foreign key

Why: no pupil could be deleted, and nobody could say what would go with them. What a pupil owns goes with the pupil; who
did something may leave, and their name stays; what others are made from cannot go while they are there.
Locks: for each key SHARE ROW EXCLUSIVE on its two tables for milliseconds, which writers wait for; SHARE UPDATE
EXCLUSIVE, which stops nobody, while the rows are checked; ACCESS EXCLUSIVE on the two tables for milliseconds when the
new key takes the old one's place. No table is without its key at any moment.
Data: none is touched.
Way back: the keys say nothing again, in the same way.

Revision ID: e5308fd2c761
Revises: 4b8e60d915fa
Create Date: 2026-11-21 10:08:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "e5308fd2c761"
down_revision = "4b8e60d915fa"
branch_labels = None
depends_on = None

# table, column, referent, what a deletion there does here; attendance_records.student_id says CASCADE already
POLICY = (
    ("users", "parent_id", "users", "SET NULL"),
    ("terms", "created_by", "users", "SET NULL"),
    ("term_subjects", "term_id", "terms", "RESTRICT"),
    ("term_subjects", "subject_id", "subjects", "RESTRICT"),
    ("assignment_templates", "created_by", "users", "SET NULL"),
    ("assignment_templates", "lesson_id", "lessons", "RESTRICT"),
    ("assignment_templates", "subject_id", "subjects", "RESTRICT"),
    ("lesson_assignments", "lesson_id", "lessons", "RESTRICT"),
    ("lesson_assignments", "assignment_template_id", "assignment_templates", "RESTRICT"),
    ("student_assignments", "template_id", "assignment_templates", "RESTRICT"),
    ("student_assignments", "student_id", "users", "CASCADE"),
    ("student_assignments", "graded_by", "users", "SET NULL"),
    ("student_assignments", "assigned_by", "users", "SET NULL"),
    ("student_term_grades", "student_id", "users", "CASCADE"),
    ("student_term_grades", "term_subject_id", "term_subjects", "RESTRICT"),
    ("student_term_grades", "finalized_by", "users", "SET NULL"),
    ("grade_history", "student_term_grade_id", "student_term_grades", "CASCADE"),
    ("grade_history", "changed_by", "users", "SET NULL"),
    ("grade_history", "assignment_id", "student_assignments", "SET NULL"),
    ("journal_entries", "student_id", "users", "CASCADE"),
    ("journal_entries", "author_id", "users", "SET NULL"),
)
CODES = {"SET NULL": "n", "CASCADE": "c", "RESTRICT": "r", "NO ACTION": "a"}
STANDS = """
    select 1
      from pg_constraint
     where conrelid = to_regclass(:table)
       and conname = :name
       and contype = 'f'
       and confdeltype = :code
       and convalidated
"""
# The new key is there under a name of its own and checked: names change hands in one short transaction.
SWAP = """
do $$
declare
    patience integer := (select setting::integer from pg_settings where name = 'lock_timeout');
begin
    if not exists (
        select from pg_constraint where conrelid = '{table}'::regclass and conname = '{beside}' and convalidated
    ) then
        return;
    end if;
    -- whoever queues behind the first of two locks waits for both
    if patience > 0 then
        perform set_config('lock_timeout', greatest(patience / 2, 1)::text, true);
    end if;
    alter table {table} drop constraint if exists {name};
    alter table {table} rename constraint {beside} to {name};
end
$$
"""


def upgrade() -> None:
    for table, column, referent, action in POLICY:
        replace(table, column, referent, action)
    if not op.get_context().as_sql:  # it says CASCADE already, unless damage has taken the key away
        replace("attendance_records", "student_id", "users", "CASCADE")


def downgrade() -> None:
    for table, column, referent, _ in reversed(POLICY):
        replace(table, column, referent, "NO ACTION")


def replace(table: str, column: str, referent: str, action: str) -> None:
    name = f"{table}_{column}_fkey"
    beside = f"{name}_{revision}"
    if stands(table, name, action):
        return
    op.add_foreign_key_online(beside, table, referent, [column], ["id"], ondelete=action)
    with op.get_context().autocommit_block():
        # lint: renaming-object nobody but this revision knows the name that goes, and the other one is the old one's
        op.execute(SWAP.format(table=table, name=name, beside=beside))


def stands(table: str, name: str, action: str) -> bool:
    """Whether a run that was cut off has put it in its place already."""
    if op.get_context().as_sql:
        return False
    values = {"table": table, "name": name, "code": CODES[action]}
    return op.get_bind().execute(sa.text(STANDS), values).first() is not None
