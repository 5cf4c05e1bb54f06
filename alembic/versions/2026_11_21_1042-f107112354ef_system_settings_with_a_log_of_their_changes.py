"""system settings with a log of their changes

Why: settings were in the code, and who changed one was not known.
Locks: SHARE ROW EXCLUSIVE on users for the foreign keys, for milliseconds: writers wait that long, readers do not.
Data: none.
Way back: system_settings and settings_changes are set aside in schema retired with every row; the way up takes them
back.

Revision ID: f107112354ef
Revises: d3a80d2c8cc9
Create Date: 2026-11-21 10:42:00+00:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "f107112354ef"
down_revision = "d3a80d2c8cc9"
branch_labels = None
depends_on = None

FUNCTIONS = (
    """
create or replace function is_json(text) returns boolean
language plpgsql immutable strict parallel safe
as $$
begin
    perform $1::jsonb;
    return true;
exception
    when data_exception or program_limit_exceeded then
        return false;
end
$$
""",
    """
create or replace function record_settings_change() returns trigger
language plpgsql
as $$
declare
    bookkeeping constant text[] := '{id,created_at,updated_at,updated_by,updated_by_name}';
    was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - bookkeeping end;
    becomes jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - bookkeeping end;
    who integer := nullif(current_setting('ourschool.user_id', true), '')::integer;
begin
    if was is distinct from becomes then
        if who is null and tg_op <> 'DELETE' then
            who := new.updated_by;
        end if;
        execute format(
            'insert into %I.settings_changes (setting_key, action, before, after, changed_by) '
            'values ($1, $2, $3, $4, $5)',
            tg_table_schema
        ) using coalesce(was, becomes) ->> 'key', lower(tg_op), was, becomes, who;
    end if;
    return null;
end
$$
""",
)
SETTINGS_CHANGES_TRIGGERS = (
    """
create trigger settings_changes_append_only before update or delete on settings_changes
for each row execute function refuse_change()
""",
    """
create trigger settings_changes_never_truncated before truncate on settings_changes
for each statement execute function refuse_change()
""",
    """
create trigger settings_changes_changed_by_named before insert on settings_changes
for each row when (new.changed_by is not null and new.changed_by_name is null)
execute function keep_name('changed_by', 'changed_by_name')
""",
    """
create trigger settings_changes_changed_by_renamed before update of changed_by on settings_changes
for each row when (
    new.changed_by is not null
    and new.changed_by is distinct from old.changed_by
    and (new.changed_by_name is null or new.changed_by_name is not distinct from old.changed_by_name)
)
execute function keep_name('changed_by', 'changed_by_name')
""",
)
SYSTEM_SETTINGS_TRIGGERS = (
    """
create trigger system_settings_recorded after insert or update or delete on system_settings
for each row execute function record_settings_change()
""",
    """
create trigger system_settings_never_truncated before truncate on system_settings
for each statement execute function refuse_change()
""",
    """
create trigger system_settings_updated_by_named before insert on system_settings
for each row when (new.updated_by is not null and new.updated_by_name is null)
execute function keep_name('updated_by', 'updated_by_name')
""",
    """
create trigger system_settings_updated_by_renamed before update of updated_by on system_settings
for each row when (
    new.updated_by is not null
    and new.updated_by is distinct from old.updated_by
    and (new.updated_by_name is null or new.updated_by_name is not distinct from old.updated_by_name)
)
execute function keep_name('updated_by', 'updated_by_name')
""",
)

VALUE_PARSES = """
case type
    when 'boolean' then value in ('true', 'false')
    when 'integer' then value ~ '^(0|-?[1-9][0-9]{0,17})$'
    when 'json' then is_json(value)
    else true
end
"""


def upgrade() -> None:
    for function in FUNCTIONS:
        op.execute(function)
    # each of these commits; what follows them is one transaction
    restored = {table: op.restore_table(table) for table in ("settings_changes", "system_settings")}
    if restored["system_settings"]:
        op.add_check_online("system_settings_value_check", "system_settings", VALUE_PARSES)
    if not restored["settings_changes"]:
        create_settings_changes()
    if not restored["system_settings"]:
        create_system_settings()


def downgrade() -> None:
    # it needs is_json(), which goes; a run that was cut off may have set the table aside already
    op.execute("alter table if exists system_settings drop constraint if exists system_settings_value_check")
    op.retire_table("system_settings")
    op.retire_table("settings_changes")
    op.execute("drop function if exists record_settings_change()")
    op.execute("drop function if exists is_json(text)")


def create_settings_changes() -> None:
    op.create_table(
        "settings_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("setting_key", sa.Text(), nullable=False, comment="as it was before the change"),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB()),
        sa.Column("after", postgresql.JSONB()),
        sa.Column("changed_by", sa.Integer(), comment="ourschool.user_id of the session, else updated_by"),
        sa.Column("changed_by_name", sa.Text(), comment="kept when the user is deleted"),
        sa.Column("database_user", sa.Text(), server_default=sa.text("session_user"), nullable=False),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("action in ('insert', 'update', 'delete')", name=op.f("settings_changes_action_check")),
        sa.ForeignKeyConstraint(
            ["changed_by"], ["users.id"], name=op.f("settings_changes_changed_by_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("settings_changes_pkey")),
        comment="Every change of a setting, written by a trigger; only grows",
    )
    op.create_index(op.f("ix_settings_changes_changed_by"), "settings_changes", ["changed_by"])
    op.create_index(
        "ix_settings_changes_setting_key_changed_at",
        "settings_changes",
        ["setting_key", sa.literal_column("changed_at desc")],
    )
    for trigger in SETTINGS_CHANGES_TRIGGERS:
        op.execute(trigger)


def create_system_settings() -> None:
    op.create_table(
        "system_settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False, comment="parses as its type"),
        sa.Column("type", sa.Text(), server_default=sa.text("'string'"), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column(
            "is_public",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether those who are not signed in may read it",
        ),
        sa.Column("updated_by", sa.Integer()),
        sa.Column("updated_by_name", sa.Text(), comment="kept when the user is deleted"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("btrim(key) <> ''", name=op.f("system_settings_key_check")),
        sa.CheckConstraint(VALUE_PARSES, name=op.f("system_settings_value_check")),
        sa.CheckConstraint("type in ('boolean', 'integer', 'string', 'json')", name=op.f("system_settings_type_check")),
        sa.ForeignKeyConstraint(
            ["updated_by"], ["users.id"], name=op.f("system_settings_updated_by_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("system_settings_pkey")),
        sa.UniqueConstraint("key", name=op.f("system_settings_key_key")),
        comment="The settings of the application; every change is in settings_changes",
    )
    op.create_index(op.f("ix_system_settings_updated_by"), "system_settings", ["updated_by"])
    for trigger in SYSTEM_SETTINGS_TRIGGERS:
        op.execute(trigger)
