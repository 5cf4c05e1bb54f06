"""Access: who is signed in, and the keys of programs."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import Base, BigKey, CreatedAt, Items, Moment, On, Text, items, refers_to
from ourschool.models.people import User


class UserSession(Base):
    """A user who is signed in on one device."""

    __tablename__ = "user_sessions"
    __table_args__ = (
        sa.UniqueConstraint("token_hash"),
        sa.Index(None, "user_id"),
        sa.Index(None, "expires_at", postgresql_where=sa.text("revoked_at is null")),
        sa.CheckConstraint("expires_at > created_at", name="expires_at"),
        {"comment": "Who is signed in on which device"},
    )

    id: Mapped[BigKey]
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[Text] = mapped_column(comment="SHA-256 of the token; the token itself is nowhere")
    ip_address: Mapped[str | None] = mapped_column(postgresql.INET())
    user_agent: Mapped[Text | None]
    created_at: Mapped[CreatedAt]
    last_seen_at: Mapped[Moment]
    expires_at: Mapped[dt.datetime] = mapped_column(server_default=sa.text("now() + interval '30 days'"))
    revoked_at: Mapped[dt.datetime | None] = mapped_column(comment="signed out or thrown out; NULL: live")

    user: Mapped[User] = refers_to("sessions")


class ApiKey(Base):
    """A key by which a program acts for a user."""

    __tablename__ = "api_keys"
    __table_args__ = (
        sa.UniqueConstraint("key_hash"),
        sa.Index(None, "prefix", unique=True, postgresql_where=sa.text("is_active")),
        sa.Index(None, "user_id"),
        sa.CheckConstraint("expires_at > created_at", name="expires_at"),
        items("permissions"),
        {"comment": "Keys by which programs act for a user"},
    )

    id: Mapped[BigKey]
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[Text] = mapped_column(comment="what the user calls it")
    prefix: Mapped[Text] = mapped_column(comment="the first characters, shown in lists; unique among the active")
    key_hash: Mapped[Text] = mapped_column(comment="SHA-256 of the whole key; the key itself is nowhere")
    permissions: Mapped[Items] = mapped_column(comment="what it may do, a list of words")
    is_active: Mapped[On]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[dt.datetime | None] = mapped_column(comment="NULL: never")
    last_used_at: Mapped[dt.datetime | None]

    user: Mapped[User] = refers_to("api_keys")
