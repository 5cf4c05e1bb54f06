"""journal replies

Why: whoever is asked for an answer had nowhere to give it.
Locks: SHARE ROW EXCLUSIVE on journal_entries and users for the foreign keys, for milliseconds: writers wait that long,
readers do not.
Data: none.
Way back: journal_replies is set aside in schema retired with every row; the way up takes it back.

Revision ID: e10cd28b0218
Revises: 39af86c6fdb7
Create Date: 2026-11-21 11:14:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "e10cd28b0218"
down_revision = "39af86c6fdb7"
branch_labels = None
depends_on = None

JOURNAL_REPLIES_TRIGGERS = (
    """
create trigger journal_replies_author_named before insert on journal_replies
for each row when (new.author_id is not null and new.author_name is null)
execute function keep_name('author_id', 'author_name')
""",
    """
create trigger journal_replies_author_id_renamed before update of author_id on journal_replies
for each row when (
    new.author_id is not null
    and new.author_id is distinct from old.author_id
    and (new.author_name is null or new.author_name is not distinct from old.author_name)
)
execute function keep_name('author_id', 'author_name')
""",
)


def upgrade() -> None:
    if not op.restore_table("journal_replies"):
        create_journal_replies()


def downgrade() -> None:
    op.retire_table("journal_replies")


def create_journal_replies() -> None:
    op.create_table(
        "journal_replies",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer()),
        sa.Column("author_name", sa.Text(), comment="kept when the user is deleted"),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name=op.f("journal_replies_author_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["journal_entries.id"], name=op.f("journal_replies_entry_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("journal_replies_pkey")),
        comment="Answers to entries of journals",
    )
    op.create_index(op.f("ix_journal_replies_author_id"), "journal_replies", ["author_id"])
    op.create_index(op.f("ix_journal_replies_entry_id_created_at"), "journal_replies", ["entry_id", "created_at"])
    for trigger in JOURNAL_REPLIES_TRIGGERS:
        op.execute(trigger)
