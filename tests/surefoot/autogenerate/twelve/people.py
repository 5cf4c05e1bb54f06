"""People: everyone who signs in, and the pupils of the school."""

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tests.surefoot.autogenerate.twelve.base import Base, CreatedAt, Key, UpdatedAt, stored_by_value


class UserRole(StrEnum):
    """What a person may do; a parent is an admin whom a student's `parent_id` names."""

    ADMIN = "admin"
    STUDENT = "student"


class User(Base):
    """A person of the school."""

    __tablename__ = "users"
    __table_args__ = (
        sa.Index(None, "email", unique=True),
        sa.Index(None, "username", unique=True),
        sa.Index(None, "parent_id"),
    )

    id: Mapped[Key]
    email: Mapped[str]
    username: Mapped[str]
    hashed_password: Mapped[str]
    first_name: Mapped[str]
    last_name: Mapped[str]
    role: Mapped[UserRole] = mapped_column(stored_by_value(UserRole, "userrole"))
    is_active: Mapped[bool] = mapped_column(server_default=sa.true())
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    date_of_birth: Mapped[dt.date | None]
    grade_level: Mapped[int | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    parent: Mapped["User | None"] = relationship(remote_side="User.id", back_populates="children", lazy="raise")
    children: Mapped[list["User"]] = relationship(back_populates="parent", lazy="raise")
