"""resources

Why: links, documents and PDFs to study with were sent by mail.
Locks: SHARE ROW EXCLUSIVE on school_classes and users for the foreign keys, for milliseconds: writers wait that long,
readers do not.
Data: none.
Way back: resources is set aside in schema retired with every row; the way up takes it back.

Revision ID: 277e1a782152
Revises: 8d79fe41d879
Create Date: 2026-11-21 11:04:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "277e1a782152"
down_revision = "8d79fe41d879"
branch_labels = None
depends_on = None

RESOURCES_TRIGGERS = (
    """
create trigger resources_uploaded_by_named before insert on resources
for each row when (new.uploaded_by is not null and new.uploaded_by_name is null)
execute function keep_name('uploaded_by', 'uploaded_by_name')
""",
    """
create trigger resources_uploaded_by_renamed before update of uploaded_by on resources
for each row when (
    new.uploaded_by is not null
    and new.uploaded_by is distinct from old.uploaded_by
    and (new.uploaded_by_name is null or new.uploaded_by_name is not distinct from old.uploaded_by_name)
)
execute function keep_name('uploaded_by', 'uploaded_by_name')
""",
)


def upgrade() -> None:
    if not op.restore_table("resources"):
        create_resources()


def downgrade() -> None:
    op.retire_table("resources")


def create_resources() -> None:
    op.create_table(
        "resources",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), comment="where it is: a link, or the path of an uploaded file"),
        sa.Column("cloud_url", sa.Text(), comment="where the cloud keeps the file"),
        sa.Column("class_id", sa.BigInteger(), comment="NULL: for all classes"),
        sa.Column("uploaded_by", sa.Integer()),
        sa.Column("uploaded_by_name", sa.Text(), comment="kept when the user is deleted"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind in ('link', 'document', 'pdf')", name=op.f("resources_kind_check")),
        sa.CheckConstraint("num_nonnulls(url, cloud_url) > 0", name=op.f("resources_url_check")),
        sa.ForeignKeyConstraint(
            ["class_id"], ["school_classes.id"], name=op.f("resources_class_id_fkey"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["uploaded_by"], ["users.id"], name=op.f("resources_uploaded_by_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("resources_pkey")),
        comment="Links, documents and PDFs to study with, for one class or all",
    )
    op.create_index(op.f("ix_resources_class_id"), "resources", ["class_id"])
    op.create_index(
        "ix_resources_title", "resources", [sa.literal_column("to_tsvector('simple', title)")], postgresql_using="gin"
    )
    op.create_index(op.f("ix_resources_uploaded_by"), "resources", ["uploaded_by"])
    for trigger in RESOURCES_TRIGGERS:
        op.execute(trigger)
