"""user sessions

Why: nobody could see where somebody is signed in, or end it from elsewhere.
Locks: SHARE ROW EXCLUSIVE on users for the foreign keys, for milliseconds: writers wait that long, readers do not.
Data: none.
Way back: user_sessions is set aside in schema retired with every row; the way up takes it back.

Revision ID: 4ab558158091
Revises: 09d841a50304
Create Date: 2026-11-21 10:38:00+00:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "4ab558158091"
down_revision = "09d841a50304"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if not op.restore_table("user_sessions"):
        create_user_sessions()


def downgrade() -> None:
    op.retire_table("user_sessions")


def create_user_sessions() -> None:
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False, comment="SHA-256 of the token; the token itself is nowhere"),
        sa.Column("ip_address", postgresql.INET()),
        sa.Column("user_agent", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "expires_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now() + interval '30 days'"),
            nullable=False,
        ),
        sa.Column("revoked_at", sa.DateTime(timezone=True), comment="signed out or thrown out; NULL: live"),
        sa.CheckConstraint("expires_at > created_at", name=op.f("user_sessions_expires_at_check")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("user_sessions_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("user_sessions_pkey")),
        sa.UniqueConstraint("token_hash", name=op.f("user_sessions_token_hash_key")),
        comment="Who is signed in on which device",
    )
    op.create_index(
        op.f("ix_user_sessions_expires_at"),
        "user_sessions",
        ["expires_at"],
        postgresql_where=sa.text("revoked_at is null"),
    )
    op.create_index(op.f("ix_user_sessions_user_id"), "user_sessions", ["user_id"])
