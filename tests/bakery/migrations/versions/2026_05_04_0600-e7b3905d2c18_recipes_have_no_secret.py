"""recipes have no secret

Why: the secret of a recipe stands in the safe, and nobody reads it here.
Locks: ACCESS EXCLUSIVE on recipes for milliseconds.
Data: the column is set aside in its table, readable in schema retired.
Way back: the column comes back with every value; rows that came meanwhile have none.

Revision ID: e7b3905d2c18
Revises: c4d81f6a9e27
Create Date: 2026-05-04 06:00:00+00:00
"""

from alembic import op

revision = "e7b3905d2c18"
down_revision = "c4d81f6a9e27"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.retire_column("recipes", "secret")


def downgrade() -> None:
    op.restore_column("recipes", "secret")
