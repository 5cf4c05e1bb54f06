"""journal entries have a mood tags goals and a win

Why: what was looked for in the journal stood in its text.
Locks: ACCESS EXCLUSIVE on journal_entries for milliseconds, some ten times, the catalogue alone changes; the CHECKs are
validated while the table is read and written.
Data: old entries have no mood and no win, empty lists, no points, and ask for no answer.
Way back: the columns are set aside in their table; the way up takes them back.

Revision ID: 39af86c6fdb7
Revises: 92aa7adbb58c
Create Date: 2026-11-21 11:12:00+00:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "39af86c6fdb7"
down_revision = "92aa7adbb58c"
branch_labels = None
depends_on = None

CHECKS = {
    "journal_entries_mood_check": "mood in ('great', 'good', 'okay', 'low', 'bad')",
    "journal_entries_tags_check": "jsonb_typeof(tags) = 'array'",
    "journal_entries_goals_check": "jsonb_typeof(goals) = 'array'",
    "journal_entries_points_awarded_check": "points_awarded >= 0 and points_awarded < 'Infinity'",
}


def upgrade() -> None:
    if not op.restore_column("journal_entries", "mood"):
        op.add_column("journal_entries", sa.Column("mood", sa.Text()), if_not_exists=True)
    if not op.restore_column("journal_entries", "tags"):
        op.add_column(
            "journal_entries",
            sa.Column(
                "tags", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'"), comment="a list of words"
            ),
            if_not_exists=True,
        )
    if not op.restore_column("journal_entries", "goals"):
        op.add_column(
            "journal_entries",
            sa.Column(
                "goals",
                postgresql.JSONB(),
                nullable=False,
                server_default=sa.text("'[]'"),
                comment="what the student wants to reach, a list",
            ),
            if_not_exists=True,
        )
    if not op.restore_column("journal_entries", "needs_response"):
        op.add_column(
            "journal_entries",
            sa.Column(
                "needs_response",
                sa.Boolean(),
                nullable=False,
                server_default=sa.false(),
                comment="whether somebody should answer; false for all old entries",
            ),
            if_not_exists=True,
        )
    if not op.restore_column("journal_entries", "win"):
        op.add_column("journal_entries", sa.Column("win", sa.Text(), comment="what went well"), if_not_exists=True)
    if not op.restore_column("journal_entries", "points_awarded"):
        op.add_column(
            "journal_entries",
            sa.Column(
                "points_awarded",
                sa.Numeric(),
                nullable=False,
                server_default=sa.text("0"),
                comment="shown beside the entry; the ledger is point_transactions",
            ),
            if_not_exists=True,
        )
    for name, condition in CHECKS.items():
        op.add_check_online(name, "journal_entries", condition)


def downgrade() -> None:
    op.retire_column("journal_entries", "points_awarded")
    op.retire_column("journal_entries", "win")
    op.retire_column("journal_entries", "needs_response")
    op.retire_column("journal_entries", "goals")
    op.retire_column("journal_entries", "tags")
    op.retire_column("journal_entries", "mood")
