"""What autogenerate looks at, and what it does not see: the catalogue difference between the models and a database."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ourschool.schema.deviations import Difference
from ourschool.schema.difference import compare
from ourschool.schema.scratch import built_from_models, catalogue_of
from ourschool.schema.snapshot import BOOKKEEPING, take


def is_the_schools(name: str | None, kind: str, parents: Mapping[Any, str | None]) -> bool:  # noqa: ARG001
    """Alembic's `include_name`: autogenerate leaves the bookkeeping tables alone, they are not the school's."""
    return not (kind == "table" and name in BOOKKEEPING)


def from_models(connection: Connection, metadata: sa.MetaData) -> Difference:
    """What sets the database of `connection` apart from the models: everything, not the half that Alembic compares."""
    return compare(catalogue_of(connection, built_from_models(metadata)), take(connection))
