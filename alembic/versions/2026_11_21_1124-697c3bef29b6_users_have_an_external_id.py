"""users have an external id

Why: other systems need a key of a person that stays when databases are merged and says nothing by itself.
Locks: ACCESS EXCLUSIVE on users for milliseconds, a few times, the catalogue alone changes; rows while their batch is
filled; the unique index is built while users are read and written.
Data: everybody gets a random one, in batches; new users by the server default.
Way back: the column is set aside in its table; the way up takes it back, so everybody has the same one again.

Revision ID: 697c3bef29b6
Revises: 28bd94ce4cd6
Create Date: 2026-11-21 11:24:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "697c3bef29b6"
down_revision = "28bd94ce4cd6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if not op.restore_column("users", "external_id"):
        op.add_column(
            "users",
            sa.Column("external_id", sa.Uuid(), comment="what other systems know the person by; never changes"),
            if_not_exists=True,
        )
    # set apart from the column: together, the random default would rewrite the table under the lock
    op.execute("alter table users alter column external_id set default gen_random_uuid()")
    op.backfill("users", {"external_id": "gen_random_uuid()"}, "external_id is null")
    op.set_not_null_online("users", "external_id")
    op.add_unique_online("users_external_id_key", "users", ["external_id"])


def downgrade() -> None:
    op.retire_column("users", "external_id")
