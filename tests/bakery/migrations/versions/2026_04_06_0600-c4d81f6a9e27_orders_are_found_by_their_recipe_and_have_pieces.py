"""orders are found by their recipe and have pieces

Why: the list of what a recipe sold reads all orders; an order of no pieces is a typing error.
Locks: SHARE UPDATE EXCLUSIVE on orders while the index is built and the rows are checked; nobody waits.
Data: stays as it is; where an order has no pieces, the revision stops and names it.
Way back: index and check go; no row changes.

Revision ID: c4d81f6a9e27
Revises: b0a7e5d1c3f2
Create Date: 2026-04-06 06:00:00+00:00
"""

from alembic import op

revision = "c4d81f6a9e27"
down_revision = "b0a7e5d1c3f2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index_online("ix_orders_recipe_id", "orders", ["recipe_id"])
    op.add_check_online("ck_orders_pieces", "orders", "pieces > 0")


def downgrade() -> None:
    op.drop_constraint_online("ck_orders_pieces", "orders")
    op.drop_index_online("ix_orders_recipe_id", "orders")
