"""The office: withdrawal requests, settings with their change log, and the audit log."""

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import Base, BigKey, CreatedAt, Moment, Off, Stored, Text, UpdatedAt, one_of, refers_to
from ourschool.models.guards import after_create, append_only_triggers, before_create_all, name_triggers, revoke_execute
from ourschool.models.people import User

IS_JSON = """
create function is_json(text) returns boolean
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
"""
"""PostgreSQL 15 has no IS JSON; this is also what jsonb takes, which is less."""

RECORD_CHANGE = """
create function record_settings_change() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
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
"""
RECORD_CHANGE_TRIGGERS = (
    """
create trigger system_settings_recorded after insert or update or delete on system_settings
for each row execute function record_settings_change()
""",
    """
create trigger system_settings_never_truncated before truncate on system_settings
for each statement execute function refuse_change()
""",
)


class RequestStatus(StrEnum):
    """What the office has decided."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class SettingType(StrEnum):
    """How a setting's text is to be read."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    STRING = "string"
    JSON = "json"


class ChangeAction(StrEnum):
    """What was done to a setting."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


class WithdrawalRequest(Base):
    """A student's wish to leave the school."""

    __tablename__ = "withdrawal_requests"
    __table_args__ = (
        sa.Index(None, "student_id"),
        sa.Index(
            "ix_withdrawal_requests_student_id_pending",
            "student_id",
            unique=True,
            postgresql_where=sa.text("status = 'pending'"),
        ),
        sa.Index(None, "processed_by"),
        one_of("status", RequestStatus),
        sa.CheckConstraint("(status = 'pending') = (processed_at is null)", name="processed_at"),
        {"comment": "Students' wishes to leave the school; at most one is pending a student"},
    )

    id: Mapped[BigKey]
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    reason: Mapped[Text | None]
    status: Mapped[RequestStatus] = mapped_column(Stored(RequestStatus), server_default=sa.text("'pending'"))
    response: Mapped[Text | None] = mapped_column(comment="what the office told the student")
    created_at: Mapped[CreatedAt]
    processed_at: Mapped[dt.datetime | None]
    processed_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    processed_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")

    student: Mapped[User] = refers_to("withdrawal_requests", student_id)
    processor: Mapped[User | None] = refers_to("withdrawal_requests_processed", processed_by)


class SystemSetting(Base):
    """One setting of the school's application."""

    __tablename__ = "system_settings"
    __table_args__ = (
        sa.UniqueConstraint("key"),
        sa.Index(None, "updated_by"),
        one_of("type", SettingType),
        sa.CheckConstraint(
            "case type"
            " when 'boolean' then value in ('true', 'false')"
            " when 'integer' then value ~ '^(0|-?[1-9][0-9]{0,17})$'"
            " when 'json' then is_json(value)"
            " else true end",
            name="value",
        ),
        sa.CheckConstraint("btrim(key) <> ''", name="key"),
        {"comment": "The settings of the application; every change is in settings_changes"},
    )

    id: Mapped[BigKey]
    key: Mapped[Text]
    value: Mapped[Text] = mapped_column(comment="parses as its type")
    type: Mapped[SettingType] = mapped_column(Stored(SettingType), server_default=sa.text("'string'"))
    description: Mapped[Text | None]
    is_public: Mapped[Off] = mapped_column(comment="whether those who are not signed in may read it")
    updated_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    updated_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    updater: Mapped[User | None] = refers_to("settings_updated", updated_by)


class SettingChange(Base):
    """One change of one setting, recorded by the database."""

    __tablename__ = "settings_changes"
    __table_args__ = (
        sa.Index("ix_settings_changes_setting_key_changed_at", "setting_key", sa.text("changed_at desc")),
        sa.Index(None, "changed_by"),
        one_of("action", ChangeAction),
        {"comment": "Every change of a setting, written by a trigger; only grows"},
    )

    id: Mapped[BigKey]
    setting_key: Mapped[Text] = mapped_column(comment="as it was before the change")
    action: Mapped[ChangeAction] = mapped_column(Stored(ChangeAction))
    before: Mapped[dict[str, Any] | None] = mapped_column(postgresql.JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(postgresql.JSONB(none_as_null=True))
    changed_by: Mapped[int | None] = mapped_column(
        sa.ForeignKey("users.id", ondelete="SET NULL"), comment="ourschool.user_id of the session, else updated_by"
    )
    changed_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    database_user: Mapped[Text] = mapped_column(server_default=sa.text("session_user"))
    changed_at: Mapped[dt.datetime] = mapped_column(server_default=sa.text("clock_timestamp()"))

    changer: Mapped[User | None] = refers_to("settings_changed", changed_by)


class AuditEntry(Base):
    """Something that somebody did."""

    __tablename__ = "audit_log"
    __table_args__ = (
        sa.Index("ix_audit_log_entity_entity_id_occurred_at", "entity", "entity_id", sa.text("occurred_at desc")),
        sa.Index(None, "actor_id"),
        sa.CheckConstraint("btrim(action) <> ''", name="action"),
        {"comment": "Who did what to what; only grows"},
    )

    id: Mapped[BigKey]
    occurred_at: Mapped[Moment]
    actor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    actor_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    action: Mapped[Text] = mapped_column(comment="a word of the application's, like grade.changed")
    entity: Mapped[Text] = mapped_column(comment="the table of what it was done to")
    entity_id: Mapped[Text | None] = mapped_column(comment="the key of what it was done to, as text")
    before: Mapped[dict[str, Any] | None] = mapped_column(postgresql.JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(postgresql.JSONB(none_as_null=True))
    request_id: Mapped[Text | None] = mapped_column(comment="joins what one request of the application did")
    address: Mapped[str | None] = mapped_column(postgresql.INET(), comment="where the request came from")

    actor: Mapped[User | None] = refers_to("audit_entries", actor_id)


before_create_all(IS_JSON)
after_create(WithdrawalRequest, *name_triggers("withdrawal_requests", "processed_by"))
after_create(
    SystemSetting,
    RECORD_CHANGE,
    revoke_execute("record_settings_change"),
    *RECORD_CHANGE_TRIGGERS,
    *name_triggers("system_settings", "updated_by"),
)
after_create(SettingChange, *append_only_triggers("settings_changes"), *name_triggers("settings_changes", "changed_by"))
after_create(AuditEntry, *append_only_triggers("audit_log"), *name_triggers("audit_log", "actor_id"))
