"""difficulty retired

Why: nobody read how hard a lesson or a template is meant to be, and each form asked for it.
Locks: ACCESS EXCLUSIVE on assignment_templates and on lessons for milliseconds.
Data: both columns are set aside in their tables, readable in schema retired, their enum type with them.
Way back: type and columns come back with every value; rows that came meanwhile have none.

Revision ID: 2f7d60c3be91
Revises: b15e9d4c7a20
Create Date: 2026-11-21 10:24:00+00:00
"""

from alembic import op

revision = "2f7d60c3be91"
down_revision = "b15e9d4c7a20"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.retire_column("assignment_templates", "difficulty_level")
    op.retire_column("lessons", "difficulty_level")
    op.retire_enum("difficultylevel")


def downgrade() -> None:
    op.create_enum("difficultylevel", ["beginner", "intermediate", "advanced"])
    op.restore_column("lessons", "difficulty_level")
    op.restore_column("assignment_templates", "difficulty_level")
