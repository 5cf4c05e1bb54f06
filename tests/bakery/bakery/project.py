"""The one project of this bakery: what the engine is given to work on."""

from pathlib import Path
from typing import TYPE_CHECKING

from surefoot.project import Project

if TYPE_CHECKING:
    from sqlalchemy import MetaData


def _metadata() -> "MetaData":
    from bakery.models import metadata  # noqa: PLC0415  # a start of the application does not wait for the models

    return metadata


PROJECT = Project(
    name="bakery",
    home=Path(__file__).parents[1],
    load_metadata=_metadata,
    baseline="b0a7e5d1c3f2",
    scripts="migrations",
)
