"""users are locked out after failed logins

Why: a password can be guessed for ever where nobody counts.
Locks: ACCESS EXCLUSIVE on users for milliseconds, three times, the catalogue alone changes; the CHECK is validated and
the index built while users are read and written.
Data: everybody starts with no failed login and is not locked.
Way back: the columns are set aside in their table, hidden from everybody; the way up takes them back.

Revision ID: 5c6ad8a982cd
Revises: 243105e3ed23
Create Date: 2026-11-21 10:32:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "5c6ad8a982cd"
down_revision = "243105e3ed23"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if not op.restore_column("users", "failed_login_attempts"):
        op.add_column(
            "users",
            sa.Column(
                "failed_login_attempts",
                sa.Integer(),
                nullable=False,
                server_default=sa.text("0"),
                comment="in a row, since the last success",
            ),
            if_not_exists=True,
        )
    if not op.restore_column("users", "locked_until"):
        op.add_column(
            "users",
            sa.Column("locked_until", sa.DateTime(timezone=True), comment="no sign-in before this; NULL: not locked"),
            if_not_exists=True,
        )
    if not op.restore_column("users", "last_failed_login_at"):
        op.add_column("users", sa.Column("last_failed_login_at", sa.DateTime(timezone=True)), if_not_exists=True)
    op.add_check_online("users_failed_login_attempts_check", "users", "failed_login_attempts >= 0")
    op.create_index_online(
        "ix_users_locked_until", "users", ["locked_until"], postgresql_where="locked_until is not null"
    )


def downgrade() -> None:
    op.retire_column("users", "last_failed_login_at")
    op.retire_column("users", "locked_until")
    op.retire_column("users", "failed_login_attempts")
