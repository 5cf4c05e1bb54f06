"""The MetaData of a project's models, imported when somebody first reads it: half of what Alembic needs to start."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Any

import sqlalchemy as sa


class ModelsOnDemand:
    """Stands for the MetaData in Alembic's `target_metadata`; most commands compare no models and have nothing to do.

    Every attribute is that of the MetaData; `naming_convention` is known without it where it is given. Reading another
    one raises what the import of the models raises.
    """

    def __init__(self, load: Callable[[], sa.MetaData], naming_convention: Mapping[str, str] | None = None) -> None:
        self._load = load
        if naming_convention is not None:
            self.naming_convention = naming_convention  # all that Alembic's operations read

    @cached_property
    def metadata(self) -> sa.MetaData:
        """The MetaData itself."""
        return self._load()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.metadata, name)


class TableNames(Collection[str]):
    """The names of the tables of the models, imported when somebody looks into them."""

    def __init__(self, models: ModelsOnDemand) -> None:
        self._models = models

    def __contains__(self, name: object) -> bool:
        return name in self._models.tables

    def __iter__(self) -> Iterator[str]:
        return iter(self._models.tables)

    def __len__(self) -> int:
        return len(self._models.tables)
