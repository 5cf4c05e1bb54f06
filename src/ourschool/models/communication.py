"""Communication: notifications and who has read them, and resources to study with."""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import (
    Base,
    BigKey,
    CreatedAt,
    Moment,
    Off,
    Stored,
    Text,
    UpdatedAt,
    one_of,
    referred_by,
    refers_to,
)
from ourschool.models.calendar import SchoolClass
from ourschool.models.guards import after_create, name_triggers
from ourschool.models.people import User


class ResourceKind(StrEnum):
    """What a resource is."""

    LINK = "link"
    DOCUMENT = "document"
    PDF = "pdf"


class Notification(Base):
    """A message of the school to one user, one class or all."""

    __tablename__ = "notifications"
    __table_args__ = (
        sa.Index(None, "user_id"),
        sa.Index(None, "class_id"),
        sa.Index(None, "sent_by"),
        sa.Index(None, "created_at", postgresql_where=sa.text("to_all")),
        sa.CheckConstraint("num_nonnulls(user_id, class_id) + to_all::integer = 1", name="target"),
        {"comment": "Messages of the school, each to one user, to one class or to all"},
    )

    id: Mapped[BigKey]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), comment="to one user")
    class_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("school_classes.id", ondelete="RESTRICT"), comment="to one class"
    )
    to_all: Mapped[Off] = mapped_column(comment="to everybody; exactly one of the three targets is given")
    title: Mapped[Text]
    body: Mapped[Text] = mapped_column(server_default=sa.text("''"))
    link_url: Mapped[Text | None]
    sent_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    sent_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[dt.datetime | None] = mapped_column(comment="not shown after this; NULL: always shown")

    school_class: Mapped[SchoolClass | None] = refers_to("notifications")
    user: Mapped[User | None] = refers_to("notifications", user_id)
    reads: Mapped[list["NotificationRead"]] = referred_by("notification")
    sender: Mapped[User | None] = refers_to("notifications_sent", sent_by)


class NotificationRead(Base):
    """That one user has read one notification."""

    __tablename__ = "notification_reads"
    __table_args__ = (
        sa.UniqueConstraint("notification_id", "user_id"),
        sa.Index(None, "user_id"),
        {"comment": "Who has read which notification; no row: unread"},
    )

    id: Mapped[BigKey]
    notification_id: Mapped[int] = mapped_column(sa.ForeignKey("notifications.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    read_at: Mapped[Moment]

    notification: Mapped[Notification] = refers_to("reads")
    user: Mapped[User] = refers_to("notification_reads")


class Resource(Base):
    """Something to study with, for one class or all."""

    __tablename__ = "resources"
    __table_args__ = (
        sa.Index(None, "class_id"),
        sa.Index(None, "uploaded_by"),
        sa.Index("ix_resources_title", sa.text("to_tsvector('simple', title)"), postgresql_using="gin"),
        one_of("kind", ResourceKind),
        sa.CheckConstraint("num_nonnulls(url, cloud_url) > 0", name="url"),
        {"comment": "Links, documents and PDFs to study with, for one class or all"},
    )

    id: Mapped[BigKey]
    title: Mapped[Text]
    description: Mapped[Text | None]
    kind: Mapped[ResourceKind] = mapped_column(Stored(ResourceKind))
    url: Mapped[Text | None] = mapped_column(comment="where it is: a link, or the path of an uploaded file")
    cloud_url: Mapped[Text | None] = mapped_column(comment="where the cloud keeps the file")
    class_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("school_classes.id", ondelete="RESTRICT"), comment="NULL: for all classes"
    )
    uploaded_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    uploaded_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    school_class: Mapped[SchoolClass | None] = refers_to("resources")
    uploader: Mapped[User | None] = refers_to("resources_uploaded", uploaded_by)


after_create(Notification, *name_triggers("notifications", "sent_by"))
after_create(Resource, *name_triggers("resources", "uploaded_by"))
