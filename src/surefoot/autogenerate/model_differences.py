"""What autogenerate looks at, and what it does not see: the catalogue difference between the models and a database."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from surefoot.catalogue.compare import compare
from surefoot.catalogue.differences import Difference
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import BOOKKEEPING, RETIRED_PREFIX, read_catalogue
from surefoot.catalogue.scratch_schema import built_from_models, catalogue_built_by


def is_the_projects(name: str | None, kind: str, parents: Mapping[Any, str | None]) -> bool:  # noqa: ARG001
    """Alembic's `include_name`: autogenerate leaves alone bookkeeping and retired columns."""
    if kind == "column":
        return not (name or "").startswith(RETIRED_PREFIX)
    return not (kind == "table" and name in BOOKKEEPING)


@dataclass(frozen=True)
class Compared:
    """Both sides: what the models would make, and what the database is."""

    expected: Catalogue
    found: Catalogue

    @cached_property
    def difference(self) -> Difference:
        """What sets the database apart from the models: everything, not the half that Alembic compares."""
        return compare(self.expected, self.found)


def of(context: MigrationContext) -> Compared:
    """The models and the database of `context`, looked at once however often it is asked for."""
    known = context.opts.get("compared")
    if known is None:
        assert context.connection is not None
        expected = catalogue_built_by(context.connection, built_from_models(context.opts["target_metadata"]))
        known = context.opts["compared"] = Compared(expected, read_catalogue(context.connection))
    assert isinstance(known, Compared)
    return known


def from_models(connection: Connection, metadata: sa.MetaData) -> Difference:
    """What sets the database of `connection` apart from the models."""
    return compare(catalogue_built_by(connection, built_from_models(metadata)), read_catalogue(connection))
