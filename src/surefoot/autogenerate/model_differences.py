"""The catalogue difference between the models and a database, and what autogenerate ignores."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from surefoot.catalogue import operators_own
from surefoot.catalogue.compare import compare
from surefoot.catalogue.differences import Difference
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import BOOKKEEPING, RETIRED_PREFIX, read_catalogue
from surefoot.catalogue.scratch_schema import built_from_models, catalogue_built_by


def include_name(name: str | None, kind: str, parents: Mapping[Any, str | None]) -> bool:  # noqa: ARG001
    """Return False for bookkeeping tables and retired columns: Alembic's hook `include_name`."""
    if kind == "column":
        return not (name or "").startswith(RETIRED_PREFIX)
    return not (kind == "table" and name in BOOKKEEPING)


@dataclass(frozen=True)
class Compared:
    """Both catalogues: the one that the models would create, and that of the database."""

    expected: Catalogue
    database: Catalogue

    @cached_property
    def difference(self) -> Difference:
        """Every difference of the database from the models."""
        return compare(self.expected, self.database)


def compared(context: MigrationContext) -> Compared:
    """Return both catalogues of `context`; they are read once and kept in its options."""
    known = context.opts.get("compared")
    if known is None:
        assert context.connection is not None
        expected = catalogue_built_by(context.connection, built_from_models(context.opts["target_metadata"]))
        database = operators_own.left_out(expected, read_catalogue(context.connection))
        known = context.opts["compared"] = Compared(expected, database)
    assert isinstance(known, Compared)
    return known


def difference_from_models(connection: Connection, metadata: sa.MetaData) -> Difference:
    """Return the difference of the database of `connection` from the models."""
    return compare(catalogue_built_by(connection, built_from_models(metadata)), read_catalogue(connection))
