"""The one MetaData with its naming convention, and the columns, types and checks that repeat."""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, mapped_column, relationship

from ourschool.naming import NAMING


class Base(DeclarativeBase):
    """The base class of the models."""

    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  # declared by SQLAlchemy as an instance of this shape
        str: sa.String(),
        dt.datetime: sa.DateTime(timezone=True),
    }


def stored_by_value(states: type[StrEnum], name: str) -> sa.Enum:
    """Return a native enum type whose labels are the values, not the Python names, of `states`."""
    return sa.Enum(states, name=name, values_callable=lambda members: [member.value for member in members])


class Stored(sa.types.TypeDecorator[StrEnum]):
    """Stores the values of a StrEnum in a text column; `one_of` makes the CHECK for it."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, states: type[StrEnum]) -> None:
        super().__init__()
        self.states = states

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        """Return the value of a member or of a value. Raises ValueError for anything else."""
        return None if value is None else self.states(value).value

    def process_result_value(self, value: str | None, dialect: Any) -> StrEnum | None:  # noqa: ARG002
        """Return the member for a value."""
        return None if value is None else self.states(value)


def one_of(column: str, states: type[StrEnum]) -> sa.CheckConstraint:
    """Return the CHECK of a `Stored` column: its values are those of `states`."""
    values = ", ".join(f"'{state.value}'" for state in states)
    return sa.CheckConstraint(f"{column} in ({values})", name=column)


def finite(column: str, rule: str) -> sa.CheckConstraint:
    """Return a CHECK of a numeric column, such as `> 0`, that refuses NaN: PostgreSQL sorts it above all numbers."""
    return sa.CheckConstraint(f"{column} {rule} and {column} < 'Infinity'", name=column)


Key = Annotated[int, mapped_column(sa.Identity(), primary_key=True)]
"""The key of the twelve tables of the baseline."""
BigKey = Annotated[int, mapped_column(sa.BigInteger(), sa.Identity(), primary_key=True)]
"""The key of every table since the baseline."""
Text = Annotated[str, mapped_column(sa.Text())]
Amount = Annotated[Decimal, mapped_column(sa.Numeric())]
"""A number of points or marks."""
Money = Annotated[Decimal, mapped_column(sa.Numeric(12, 2))]
Off = Annotated[bool, mapped_column(server_default=sa.false())]
On = Annotated[bool, mapped_column(server_default=sa.true())]
Items = Annotated[list[Any], mapped_column(postgresql.JSONB(), server_default=sa.text("'[]'"))]
"""A list as JSON; `items` makes the CHECK for it."""
Moment = Annotated[dt.datetime, mapped_column(server_default=sa.func.now())]
CreatedAt = Annotated[dt.datetime, mapped_column(server_default=sa.func.now())]
UpdatedAt = Annotated[dt.datetime, mapped_column(server_default=sa.func.now(), onupdate=sa.func.now())]


def refers_to(back_populates: str, column: Any = None) -> Any:
    """Return the relationship to the row that `column` refers to. It has to be loaded explicitly (no N+1 queries)."""
    return relationship(back_populates=back_populates, foreign_keys=None if column is None else [column], lazy="raise")


def referred_by(back_populates: str, column: str | None = None) -> Any:
    """Return the relationship to the rows whose `column` refers to this one; ON DELETE is left to the database."""
    return relationship(back_populates=back_populates, foreign_keys=column, lazy="raise", passive_deletes="all")


def items(column: str) -> sa.CheckConstraint:
    """Return the CHECK of an `Items` column: it holds a JSON array."""
    return sa.CheckConstraint(f"jsonb_typeof({column}) = 'array'", name=column)
