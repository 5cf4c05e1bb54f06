"""a lesson lists a template once

Why: a template that a lesson lists twice is assigned twice.
Locks: the repeated rows while they are moved; ACCESS EXCLUSIVE on lesson_assignments for milliseconds for the
constraint, whose index is built before while the table is read and written.
Data: of several rows for one lesson and template the one that was added last stays; the others are set aside in schema
retired.
Way back: the constraint goes, the index that it made needless is built again, and the rows come back.

Revision ID: 5aaca5c6078c
Revises: a122ecf1e7b5
Create Date: 2026-11-21 11:20:00+00:00
"""

from alembic import op

revision = "5aaca5c6078c"
down_revision = "a122ecf1e7b5"
branch_labels = None
depends_on = None

UNIQUE = "lesson_assignments_lesson_id_assignment_template_id_key"
REPEATED = """
    exists (
        select from lesson_assignments as later
         where later.lesson_id = lesson_assignments.lesson_id
           and later.assignment_template_id = lesson_assignments.assignment_template_id
           and later.id > lesson_assignments.id
    )
"""


def upgrade() -> None:
    op.retire_rows("lesson_assignments", REPEATED, reason="the lesson lists the template again in a later row")
    op.add_unique_online(UNIQUE, "lesson_assignments", ["lesson_id", "assignment_template_id"])
    op.drop_index_online("ix_lesson_assignments_lesson_id", "lesson_assignments")


def downgrade() -> None:
    op.create_index_online("ix_lesson_assignments_lesson_id", "lesson_assignments", ["lesson_id"])
    op.drop_constraint_online(UNIQUE, "lesson_assignments")
    op.restore_rows("lesson_assignments")
