"""The one MetaData with its naming convention, and the columns, types and checks that repeat."""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, mapped_column, relationship

NAMING = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
"""The names that PostgreSQL gives by itself, so that what was made by hand and what we make are called alike."""


class Base(DeclarativeBase):
    """All tables of the school."""

    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  # declared by SQLAlchemy as an instance of this shape
        str: sa.String(),
        dt.datetime: sa.DateTime(timezone=True),
    }


def stored_by_value(states: type[StrEnum], name: str) -> sa.Enum:
    """A native enum type whose labels are the values, not the Python names, of `states`."""
    return sa.Enum(states, name=name, values_callable=lambda members: [member.value for member in members])


class Stored(sa.types.TypeDecorator[StrEnum]):
    """The values of a StrEnum in a text column; `one_of` is the CHECK that belongs beside it."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, states: type[StrEnum]) -> None:
        super().__init__()
        self.states = states

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        """A member or its value; raises ValueError for what is neither."""
        return None if value is None else self.states(value).value

    def process_result_value(self, value: str | None, dialect: Any) -> StrEnum | None:  # noqa: ARG002
        """The member."""
        return None if value is None else self.states(value)


def one_of(column: str, states: type[StrEnum]) -> sa.CheckConstraint:
    """The CHECK of a `Stored` column: the states and nothing else."""
    values = ", ".join(f"'{state.value}'" for state in states)
    return sa.CheckConstraint(f"{column} in ({values})", name=column)


def finite(column: str, rule: str) -> sa.CheckConstraint:
    """A CHECK of a numeric column. NaN counts as greater than all numbers there, so `> 0` alone would let it in."""
    return sa.CheckConstraint(f"{column} {rule} and {column} < 'Infinity'", name=column)


Key = Annotated[int, mapped_column(sa.Identity(), primary_key=True)]
"""Of the twelve tables that were there before."""
BigKey = Annotated[int, mapped_column(sa.BigInteger(), sa.Identity(), primary_key=True)]
"""Of every new table."""
Text = Annotated[str, mapped_column(sa.Text())]
Amount = Annotated[Decimal, mapped_column(sa.Numeric())]
"""Points and marks."""
Money = Annotated[Decimal, mapped_column(sa.Numeric(12, 2))]
Off = Annotated[bool, mapped_column(server_default=sa.false())]
On = Annotated[bool, mapped_column(server_default=sa.true())]
Items = Annotated[list[Any], mapped_column(postgresql.JSONB(), server_default=sa.text("'[]'"))]
"""A list as JSON; `items` is the CHECK that belongs beside it."""
Moment = Annotated[dt.datetime, mapped_column(server_default=sa.func.now())]
CreatedAt = Annotated[dt.datetime, mapped_column(server_default=sa.func.now())]
UpdatedAt = Annotated[dt.datetime, mapped_column(server_default=sa.func.now(), onupdate=sa.func.now())]


def refers_to(back_populates: str, column: Any = None) -> Any:
    """The row that `column` names. Never loaded unasked: a careless loop would ask for each row by itself."""
    return relationship(back_populates=back_populates, foreign_keys=None if column is None else [column], lazy="raise")


def referred_by(back_populates: str, column: str | None = None) -> Any:
    """The rows of `column` that name this one, never loaded unasked; what its deletion does the database knows."""
    return relationship(back_populates=back_populates, foreign_keys=column, lazy="raise", passive_deletes="all")


def items(column: str) -> sa.CheckConstraint:
    """The CHECK of an `Items` column: an array and no other JSON."""
    return sa.CheckConstraint(f"jsonb_typeof({column}) = 'array'", name=column)
