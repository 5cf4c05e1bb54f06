"""the ledger and the journal are read newest first

Why: the ledger of the whole school is read page by page, a student's points are summed by type and source on every
page of the shop, and a journal is read from its last entry.
Locks: SHARE UPDATE EXCLUSIVE on one table at a time, which stops nobody who reads or writes.
Data: none is touched.
Way back: the indexes go, and the one on student_id alone of journal_entries is built again.

Revision ID: 3bbd118a38df
Revises: bcd31437401e
Create Date: 2026-11-21 11:48:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "3bbd118a38df"
down_revision = "bcd31437401e"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index_online(
        "ix_point_transactions_created_at_id", "point_transactions", [sa.text("created_at desc"), sa.text("id desc")]
    )
    op.create_index_online(
        "ix_point_transactions_student_id_type_source",
        "point_transactions",
        ["student_id", "type", "source"],
        postgresql_include=["amount"],
    )
    op.create_index_online(
        "ix_journal_entries_student_id_entry_date_id",
        "journal_entries",
        ["student_id", sa.text("entry_date desc"), sa.text("id desc")],
    )
    op.drop_index_online("ix_journal_entries_student_id", "journal_entries")


def downgrade() -> None:
    op.create_index_online("ix_journal_entries_student_id", "journal_entries", ["student_id"])
    op.drop_index_online("ix_journal_entries_student_id_entry_date_id", "journal_entries")
    op.drop_index_online("ix_point_transactions_student_id_type_source", "point_transactions")
    op.drop_index_online("ix_point_transactions_created_at_id", "point_transactions")
