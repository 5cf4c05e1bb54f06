"""Which database a command was asked about, what it asks back, and its answer for a program."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from surefoot import settings
from surefoot.errors import RefusedError
from surefoot.project import Project
from surefoot.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_given: list[Project] = []


def use(project: Project) -> None:
    """Let the commands of this process work on `project`."""
    _given.append(project)


def here(database_url: str | None = None) -> Settings:
    """The settings of the project whose program was typed, in the folder that it was typed in."""
    return settings.load(_given[-1].at(Path.cwd()), database_url=database_url)


def project(database_url: str | None) -> "tuple[Settings, URL]":
    """The settings of the folder that the command was typed in, and the database they name."""
    # here, so that the list of commands and `ensure` wait for no SQLAlchemy
    from surefoot import database  # noqa: PLC0415

    loaded = here(database_url)
    return loaded, database.url_of(loaded)


def ask(question: str, *, yes: bool) -> None:
    """Ask before something that is not lightly taken back, unless `yes`. Raises RefusedError for no, and for nobody."""
    if yes:
        return
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        agreed = False
    if not agreed:
        raise RefusedError("You did not say yes, and nothing was changed.", "Say yes, or give --yes in a script.")


def print_json(value: Any) -> None:
    """Print `value` as JSON; times as ISO 8601."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
