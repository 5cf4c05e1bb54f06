"""The Project of this school, which the engine works on."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ourschool.naming import NAMING
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


def _user_folder() -> Path:
    """Return the folder for data of this user's programs, XDG_DATA_HOME; of a user without a home the current one."""
    given = os.environ.get("XDG_DATA_HOME", "")
    try:
        return (Path(given) if given.startswith("/") else Path.home() / ".local" / "share") / "ourschool"
    except RuntimeError:  # a container may run as a number that no user has
        return Path.cwd()


PROJECT = Project(
    name="ourschool",
    home=CHECKOUT if IN_CHECKOUT else INSTALLED,
    load_metadata=_metadata,
    naming_convention=NAMING,
    workplace=CHECKOUT,
    user_folder=None if IN_CHECKOUT else _user_folder(),
    baseline="cd0edd614cc5",
    load_companions=_companions,
    elsewhere={
        "74e3c52e185b": "the first schema of the published application OurSchool",
        "add_point_tx_actor_name": "release 1.0.0 of the published application OurSchool",
    },
    guide={
        "An existing database": "docs/operator.md",
        "Plain pg_dump": "docs/operator.md",
        "No changes detected": "docs/when-something-is-wrong.md",
        "Two people at once": "docs/author.md",
    },
    revisions_page="docs/revisions.md",
)
if not IN_CHECKOUT:
    PROJECT = replace(PROJECT, workplace=PROJECT.workplace_in(Path.cwd()))
