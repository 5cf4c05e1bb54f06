"""completed assignments are submitted

Why: 'completed' and 'submitted' were one state under two names, and every report counted half of it. Nor can a label
ever leave an enum type: the states are text with a CHECK from here on.
Locks: ACCESS EXCLUSIVE on student_assignments for milliseconds, at the beginning and when the new column takes the old
one's place; rows while their batch is filled.
Data: 'completed' becomes 'submitted'. The old column is set aside in its table, readable in schema retired.
Way back: 'completed' again for exactly the rows that were, unless somebody changed their state since.

Revision ID: 62d0b7f4a93e
Revises: e5308fd2c761
Create Date: 2026-11-21 10:10:00+00:00
"""

from alembic import op

revision = "62d0b7f4a93e"
down_revision = "e5308fd2c761"
branch_labels = None
depends_on = None

CHECK = "student_assignments_status_check"
STATES = "status in ('not_started', 'in_progress', 'submitted', 'graded', 'overdue', 'excused')"
LABELS = ("not_started", "in_progress", "completed", "submitted", "graded", "overdue", "excused")
TO_TEXT = "case when status = 'completed' then 'submitted' else status::text end"
TO_ENUM = "status::assignmentstatus"


def upgrade() -> None:
    op.change_types_online("student_assignments", {"status": ("text", TO_TEXT, TO_ENUM)})
    # what an application that does not know it yet wrote between the two
    op.backfill("student_assignments", {"status": "'submitted'"}, "status = 'completed'")
    op.add_check_online(CHECK, "student_assignments", STATES)
    op.retire_enum("assignmentstatus")


def downgrade() -> None:
    op.create_enum("assignmentstatus", LABELS)
    op.drop_constraint_online(CHECK, "student_assignments")
    op.change_types_online("student_assignments", {"status": ("assignmentstatus", TO_ENUM, TO_TEXT)})
