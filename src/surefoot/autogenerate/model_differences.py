"""The catalogue difference between the models and a database, and what autogenerate ignores."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from surefoot.catalogue import old_names, operators_own
from surefoot.catalogue.compare import compare
from surefoot.catalogue.differences import Deviation, Difference, Kind
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.old_names import OldName
from surefoot.catalogue.reader import BOOKKEEPING, RETIRED_PREFIX, read_catalogue
from surefoot.catalogue.scratch_schema import Built, build, built_from_models
from surefoot.runtime import unbuilt_indexes


def include_name(name: str | None, kind: str, parents: Mapping[Any, str | None]) -> bool:  # noqa: ARG001
    """Return False for bookkeeping tables and retired columns: Alembic's hook `include_name`."""
    if kind == "column":
        return not (name or "").startswith(RETIRED_PREFIX)
    return not (kind == "table" and name in BOOKKEEPING)


@dataclass(frozen=True)
class Compared:
    """What the models would create, and the catalogue of the database."""

    models: Built
    database: Catalogue
    old_names: tuple[OldName, ...] = ()
    """The old names of tables that are alive in the database. They are in neither catalogue."""

    @property
    def expected(self) -> Catalogue:
        """The catalogue that the models would create."""
        return self.models.catalogue

    @cached_property
    def difference(self) -> Difference:
        """Every difference of the database from the models."""
        missing = (Deviation(Kind.MISSING, f"extension {name}", None, name, None) for name in self.models.extensions)
        return Difference((*missing, *compare(self.expected, self.database).deviations))


def compared(context: MigrationContext) -> Compared:
    """Return both catalogues of `context`; they are read once and kept in its options."""
    known = context.opts.get("compared")
    if known is None:
        assert context.connection is not None
        models = build(context.connection, built_from_models(context.opts["target_metadata"]))
        found, unbuilt = read_catalogue(context.connection), unbuilt_indexes.names(context.connection)
        found = unbuilt_indexes.as_if_built(unbuilt, models.catalogue, found)
        database = operators_own.left_out(models.catalogue, found)
        known = context.opts["compared"] = _of(models, database)
    assert isinstance(known, Compared)
    return known


def difference_from_models(connection: Connection, metadata: sa.MetaData) -> Difference:
    """Return the difference of the database of `connection` from the models."""
    return _of(build(connection, built_from_models(metadata)), read_catalogue(connection)).difference


def _of(models: Built, database: Catalogue) -> Compared:
    """Return both sides, with the old names that are alive beside them: the models have the new ones alone."""
    return Compared(models, old_names.left_out(database), tuple(old_names.find(database)))
