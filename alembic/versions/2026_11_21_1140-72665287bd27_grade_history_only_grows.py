"""grade history only grows

Why: who changed a grade must not be able to change the record of it.
Locks: SHARE ROW EXCLUSIVE on grade_history for milliseconds: writers wait that long, readers do not.
Data: none is touched. Rows go with the grade that they are about, and lose who changed it with that user, as their
foreign keys say; nothing else changes or deletes them.
Way back: the triggers go; rows can be changed and deleted again.

Revision ID: 72665287bd27
Revises: 3c680e8f3b40
Create Date: 2026-11-21 11:40:00+00:00
"""

from alembic import op

revision = "72665287bd27"
down_revision = "3c680e8f3b40"
branch_labels = None
depends_on = None

TRIGGERS = (
    """
create or replace trigger grade_history_append_only before update or delete on grade_history
for each row execute function refuse_change()
""",
    """
create or replace trigger grade_history_never_truncated before truncate on grade_history
for each statement execute function refuse_change()
""",
)


def upgrade() -> None:
    for trigger in TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    op.execute("drop trigger if exists grade_history_never_truncated on grade_history")
    op.execute("drop trigger if exists grade_history_append_only on grade_history")
