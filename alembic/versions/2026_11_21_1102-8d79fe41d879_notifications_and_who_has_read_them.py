"""notifications and who has read them

Why: the school tells one user, one class or all something, and asks who has read it.
Locks: SHARE ROW EXCLUSIVE on users and school_classes for the foreign keys, for milliseconds: writers wait that long,
readers do not.
Data: none.
Way back: notifications and notification_reads are set aside in schema retired with every row; the way up takes them
back.

Revision ID: 8d79fe41d879
Revises: a937c171d3e2
Create Date: 2026-11-21 11:02:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "8d79fe41d879"
down_revision = "a937c171d3e2"
branch_labels = None
depends_on = None

NOTIFICATIONS_TRIGGERS = (
    """
create trigger notifications_sent_by_named before insert on notifications
for each row when (new.sent_by is not null and new.sent_by_name is null)
execute function keep_name('sent_by', 'sent_by_name')
""",
    """
create trigger notifications_sent_by_renamed before update of sent_by on notifications
for each row when (
    new.sent_by is not null
    and new.sent_by is distinct from old.sent_by
    and (new.sent_by_name is null or new.sent_by_name is not distinct from old.sent_by_name)
)
execute function keep_name('sent_by', 'sent_by_name')
""",
)


def upgrade() -> None:
    # each of these commits; what follows them is one transaction
    restored = {table: op.restore_table(table) for table in ("notifications", "notification_reads")}
    if not restored["notifications"]:
        create_notifications()
    if not restored["notification_reads"]:
        create_notification_reads()


def downgrade() -> None:
    op.retire_table("notification_reads")
    op.retire_table("notifications")


def create_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("user_id", sa.Integer(), comment="to one user"),
        sa.Column("class_id", sa.BigInteger(), comment="to one class"),
        sa.Column(
            "to_all",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="to everybody; exactly one of the three targets is given",
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("link_url", sa.Text()),
        sa.Column("sent_by", sa.Integer()),
        sa.Column("sent_by_name", sa.Text(), comment="kept when the user is deleted"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), comment="not shown after this; NULL: always shown"),
        sa.CheckConstraint(
            "num_nonnulls(user_id, class_id) + to_all::integer = 1", name=op.f("notifications_target_check")
        ),
        sa.ForeignKeyConstraint(
            ["class_id"], ["school_classes.id"], name=op.f("notifications_class_id_fkey"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["sent_by"], ["users.id"], name=op.f("notifications_sent_by_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("notifications_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("notifications_pkey")),
        comment="Messages of the school, each to one user, to one class or to all",
    )
    op.create_index(op.f("ix_notifications_class_id"), "notifications", ["class_id"])
    op.create_index(
        op.f("ix_notifications_created_at"), "notifications", ["created_at"], postgresql_where=sa.text("to_all")
    )
    op.create_index(op.f("ix_notifications_sent_by"), "notifications", ["sent_by"])
    op.create_index(op.f("ix_notifications_user_id"), "notifications", ["user_id"])
    for trigger in NOTIFICATIONS_TRIGGERS:
        op.execute(trigger)


def create_notification_reads() -> None:
    op.create_table(
        "notification_reads",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("notification_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notifications.id"],
            name=op.f("notification_reads_notification_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("notification_reads_user_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_reads_pkey")),
        sa.UniqueConstraint("notification_id", "user_id", name=op.f("notification_reads_notification_id_user_id_key")),
        comment="Who has read which notification; no row: unread",
    )
    op.create_index(op.f("ix_notification_reads_user_id"), "notification_reads", ["user_id"])
