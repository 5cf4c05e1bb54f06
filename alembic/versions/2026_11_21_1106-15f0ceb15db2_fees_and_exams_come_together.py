"""fees and exams come together

Why: two were at work at once, one on fees and payments, one on tests, marks, messages and resources.
Locks: none.
Data: none.
Way back: the two branches stand side by side again; nothing is lost.

Revision ID: 15f0ceb15db2
Revises: d64b48bf0c51, 277e1a782152
Create Date: 2026-11-21 11:06:00+00:00
"""

revision = "15f0ceb15db2"
down_revision = ("d64b48bf0c51", "277e1a782152")
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
