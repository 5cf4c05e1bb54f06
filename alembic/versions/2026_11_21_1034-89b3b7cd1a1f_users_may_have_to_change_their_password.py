"""users may have to change their password

Why: a password that the office has set is known to the office.
Locks: ACCESS EXCLUSIVE on users for milliseconds, the catalogue alone changes.
Data: nobody has to.
Way back: the column is set aside in its table; the way up takes it back.

Revision ID: 89b3b7cd1a1f
Revises: 5c6ad8a982cd
Create Date: 2026-11-21 10:34:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "89b3b7cd1a1f"
down_revision = "5c6ad8a982cd"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if not op.restore_column("users", "must_change_password"):
        op.add_column(
            "users",
            sa.Column(
                "must_change_password",
                sa.Boolean(),
                nullable=False,
                server_default=sa.false(),
                comment="asked for a new password at the next sign-in",
            ),
            if_not_exists=True,
        )


def downgrade() -> None:
    op.retire_column("users", "must_change_password")
