"""what the bakery had before

Why: the bakery has kept its ovens, recipes and orders in these tables since before it had revisions.
Locks: the tables are new, nobody uses them yet.
Data: the tables are new and empty.
Way back: the tables are set aside with all their rows in schema retired; the way up takes them back.

Revision ID: b0a7e5d1c3f2
Revises:
Create Date: 2026-03-02 06:00:00+00:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "b0a7e5d1c3f2"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_enum("order_state", ["new", "baked", "sold"])
    if not op.restore_table("ovens"):
        op.create_table(
            "ovens",
            sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
            sa.Column("name", sa.Text(), nullable=False),
            sa.Column("degrees", sa.Integer(), nullable=False),
            sa.CheckConstraint("degrees between 50 and 400", name=op.f("ck_ovens_degrees")),
            sa.PrimaryKeyConstraint("id", name=op.f("pk_ovens")),
            sa.UniqueConstraint("name", name=op.f("uq_ovens_name")),
            if_not_exists=True,
        )
    if not op.restore_table("recipes"):
        op.create_table(
            "recipes",
            sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
            sa.Column("oven_id", sa.Integer(), nullable=False),
            sa.Column("title", sa.Text(), nullable=False),
            sa.Column("secret", sa.Text()),
            sa.ForeignKeyConstraint(["oven_id"], ["ovens.id"], name=op.f("fk_recipes_oven_id")),
            sa.PrimaryKeyConstraint("id", name=op.f("pk_recipes")),
            if_not_exists=True,
        )
        op.create_index("ix_recipes_oven_id", "recipes", ["oven_id"], unique=False, if_not_exists=True)
    if not op.restore_table("orders"):
        state = postgresql.ENUM("new", "baked", "sold", name="order_state", create_type=False)
        op.create_table(
            "orders",
            sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
            sa.Column("recipe_id", sa.Integer(), nullable=False),
            sa.Column("customer", sa.Text(), nullable=False),
            sa.Column("pieces", sa.Integer(), nullable=False),
            sa.Column("state", state, server_default="new", nullable=False),
            sa.Column("ordered_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
            sa.ForeignKeyConstraint(["recipe_id"], ["recipes.id"], name=op.f("fk_orders_recipe_id")),
            sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
            if_not_exists=True,
        )


def downgrade() -> None:
    op.retire_table("orders")
    op.retire_table("recipes")
    op.retire_table("ovens")
    op.retire_enum("order_state")
