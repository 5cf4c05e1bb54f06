"""users choose a theme

Why: the choice was kept in the browser and lost with it.
Locks: ACCESS EXCLUSIVE on users for milliseconds, twice, the catalogue alone changes; the CHECK is validated while
users are read and written.
Data: everybody starts with what their system shows.
Way back: the column is set aside in its table; the way up takes it back.

Revision ID: 09d841a50304
Revises: 89b3b7cd1a1f
Create Date: 2026-11-21 10:36:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "09d841a50304"
down_revision = "89b3b7cd1a1f"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if not op.restore_column("users", "theme"):
        op.add_column(
            "users",
            sa.Column("theme", sa.Text(), nullable=False, server_default=sa.text("'system'")),
            if_not_exists=True,
        )
    op.add_check_online("users_theme_check", "users", "theme in ('system', 'light', 'dark')")


def downgrade() -> None:
    op.retire_column("users", "theme")
