"""api keys

Why: programs signed in with a person's password.
Locks: SHARE ROW EXCLUSIVE on users for the foreign keys, for milliseconds: writers wait that long, readers do not.
Data: none.
Way back: api_keys is set aside in schema retired with every row; the way up takes it back.

Revision ID: d3a80d2c8cc9
Revises: 4ab558158091
Create Date: 2026-11-21 10:40:00+00:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "d3a80d2c8cc9"
down_revision = "4ab558158091"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if not op.restore_table("api_keys"):
        create_api_keys()


def downgrade() -> None:
    op.retire_table("api_keys")


def create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="what the user calls it"),
        sa.Column(
            "prefix", sa.Text(), nullable=False, comment="the first characters, shown in lists; unique among the active"
        ),
        sa.Column("key_hash", sa.Text(), nullable=False, comment="SHA-256 of the whole key; the key itself is nowhere"),
        sa.Column(
            "permissions",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="what it may do, a list of words",
        ),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), comment="NULL: never"),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("jsonb_typeof(permissions) = 'array'", name=op.f("api_keys_permissions_check")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("api_keys_expires_at_check")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("api_keys_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("api_keys_pkey")),
        sa.UniqueConstraint("key_hash", name=op.f("api_keys_key_hash_key")),
        comment="Keys by which programs act for a user",
    )
    op.create_index(
        op.f("ix_api_keys_prefix"), "api_keys", ["prefix"], unique=True, postgresql_where=sa.text("is_active")
    )
    op.create_index(op.f("ix_api_keys_user_id"), "api_keys", ["user_id"])
