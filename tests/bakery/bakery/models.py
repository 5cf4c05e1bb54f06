"""What the bakery keeps: ovens, recipes, and orders of what is baked after them."""

import datetime as dt
import enum

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
}


class Base(DeclarativeBase):
    """The bakery's own metadata."""

    metadata = sa.MetaData(naming_convention=NAMES)


class State(enum.Enum):
    """How far an order is."""

    new = "new"
    baked = "baked"
    sold = "sold"


class Oven(Base):
    """An oven, and how hot it gets."""

    __tablename__ = "ovens"
    __table_args__ = (sa.CheckConstraint("degrees between 50 and 400", name="degrees"),)

    id: Mapped[int] = mapped_column(sa.Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text, unique=True)
    degrees: Mapped[int]


class Recipe(Base):
    """What is baked, and in which oven."""

    __tablename__ = "recipes"

    id: Mapped[int] = mapped_column(sa.Identity(), primary_key=True)
    oven_id: Mapped[int] = mapped_column(sa.ForeignKey("ovens.id"), index=True)
    title: Mapped[str] = mapped_column(sa.Text)


class Order(Base):
    """What a customer wants, and how far it is."""

    __tablename__ = "orders"
    __table_args__ = (sa.CheckConstraint("pieces > 0", name="pieces"),)

    id: Mapped[int] = mapped_column(sa.Identity(), primary_key=True)
    recipe_id: Mapped[int] = mapped_column(sa.ForeignKey("recipes.id"), index=True)
    customer: Mapped[str] = mapped_column(sa.Text)
    pieces: Mapped[int]
    state: Mapped[State] = mapped_column(sa.Enum(State, name="order_state"), server_default="new")
    ordered_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())


metadata = Base.metadata
