"""The one MetaData with its naming convention, and the columns that repeat."""

import datetime as dt
from enum import StrEnum
from typing import Annotated

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, mapped_column

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


Key = Annotated[int, mapped_column(primary_key=True)]
Text = Annotated[str, mapped_column(sa.Text())]
CreatedAt = Annotated[dt.datetime, mapped_column(server_default=sa.func.now())]
UpdatedAt = Annotated[dt.datetime, mapped_column(server_default=sa.func.now(), onupdate=sa.func.now())]
