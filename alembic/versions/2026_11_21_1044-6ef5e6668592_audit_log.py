"""audit log

Why: a school must be able to say who did what to a pupil's record.
Locks: SHARE ROW EXCLUSIVE on users for the foreign keys, for milliseconds: writers wait that long, readers do not.
Data: none.
Way back: audit_log is set aside in schema retired with every row; the way up takes it back.

Revision ID: 6ef5e6668592
Revises: f107112354ef
Create Date: 2026-11-21 10:44:00+00:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "6ef5e6668592"
down_revision = "f107112354ef"
branch_labels = None
depends_on = None

AUDIT_LOG_TRIGGERS = (
    """
create trigger audit_log_append_only before update or delete on audit_log
for each row execute function refuse_change()
""",
    """
create trigger audit_log_never_truncated before truncate on audit_log
for each statement execute function refuse_change()
""",
    """
create trigger audit_log_actor_named before insert on audit_log
for each row when (new.actor_id is not null and new.actor_name is null)
execute function keep_name('actor_id', 'actor_name')
""",
    """
create trigger audit_log_actor_id_renamed before update of actor_id on audit_log
for each row when (
    new.actor_id is not null
    and new.actor_id is distinct from old.actor_id
    and (new.actor_name is null or new.actor_name is not distinct from old.actor_name)
)
execute function keep_name('actor_id', 'actor_name')
""",
)


def upgrade() -> None:
    if not op.restore_table("audit_log"):
        create_audit_log()


def downgrade() -> None:
    op.retire_table("audit_log")


def create_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor_id", sa.Integer()),
        sa.Column("actor_name", sa.Text(), comment="kept when the user is deleted"),
        sa.Column("action", sa.Text(), nullable=False, comment="a word of the application's, like grade.changed"),
        sa.Column("entity", sa.Text(), nullable=False, comment="the table of what it was done to"),
        sa.Column("entity_id", sa.Text(), comment="the key of what it was done to, as text"),
        sa.Column("before", postgresql.JSONB()),
        sa.Column("after", postgresql.JSONB()),
        sa.Column("request_id", sa.Text(), comment="joins what one request of the application did"),
        sa.Column("address", postgresql.INET(), comment="where the request came from"),
        sa.CheckConstraint("btrim(action) <> ''", name=op.f("audit_log_action_check")),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("audit_log_actor_id_fkey"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_log_pkey")),
        comment="Who did what to what; only grows",
    )
    op.create_index(op.f("ix_audit_log_actor_id"), "audit_log", ["actor_id"])
    op.create_index(
        "ix_audit_log_entity_entity_id_occurred_at",
        "audit_log",
        ["entity", "entity_id", sa.literal_column("occurred_at desc")],
    )
    for trigger in AUDIT_LOG_TRIGGERS:
        op.execute(trigger)
