"""The Project of this school, which the engine works on."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from surefoot.project import Companion, Project

if TYPE_CHECKING:
    from sqlalchemy import MetaData

PACKAGE = Path(__file__).parent
CHECKOUT = PACKAGE.parents[1]
INSTALLED = PACKAGE / "installed"
"""The folder in the wheel with alembic.ini and alembic/."""
IN_CHECKOUT = (CHECKOUT / "alembic.ini").exists()


def _metadata() -> "MetaData":
    from ourschool.models import metadata  # noqa: PLC0415  # slow to import, and not needed when an application starts

    return metadata


def _companions() -> Mapping[str, Companion]:
    from ourschool.companions import COMPANIONS  # noqa: PLC0415  # not needed when an application starts

    return COMPANIONS


PROJECT = Project(
    name="ourschool",
    home=CHECKOUT if IN_CHECKOUT else INSTALLED,
    load_metadata=_metadata,
    workplace=CHECKOUT if IN_CHECKOUT else Path.cwd(),
    baseline="cd0edd614cc5",
    load_companions=_companions,
    guide="MIGRATIONS.md",
)
