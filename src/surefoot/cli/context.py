"""What every command needs: the settings and the database it works on, a confirmation, output as JSON."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot import settings
from surefoot.errors import RefusedError
from surefoot.project import Project
from surefoot.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_projects: list[Project] = []


def use_project(project: Project) -> None:
    """Make `project` the one that the commands of this process work on."""
    _projects.append(project)


def load_settings(database_url: str | None = None) -> Settings:
    """Load the settings of the project for the current folder."""
    return settings.load(_projects[-1].at(Path.cwd()), database_url=database_url)


def settings_and_url(database_url: str | None) -> "tuple[Settings, URL]":
    """Load the settings for the current folder, and return them with the URL of the database that they name.

    The schema of the tables is the first one in the search_path of its sessions.
    """
    # imported here, because `--help` and `ensure` must not wait for SQLAlchemy
    from surefoot import search_path  # noqa: PLC0415

    loaded = load_settings(database_url)
    return loaded, search_path.url_of(loaded)


def settings_and_plain_url(database_url: str | None) -> "tuple[Settings, URL]":
    """Return the same for a command that treats the database as a whole, whichever schema has the tables."""
    from surefoot import database  # noqa: PLC0415  # as above

    loaded = load_settings(database_url)
    return loaded, database.url_of(loaded)


def log_to_stderr(*loggers: str) -> None:
    """Log what these loggers say to stderr, a line each with the time: for commands that change a database."""
    import logging  # noqa: PLC0415  # `ensure` has a form of its own

    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for name in loggers:
        logging.getLogger(name).setLevel(logging.INFO)


def confirm(question: str, *, yes: bool) -> None:
    """Ask for a confirmation, unless `yes`. Raises RefusedError for no, and where nobody can answer."""
    if yes:
        return
    import typer  # noqa: PLC0415  # `ensure` asks nothing

    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        agreed = False
    if not agreed:
        raise RefusedError("Cancelled. Nothing was changed.", "Answer y to go on, or give --yes in a script.")


def versioned(value: Any) -> Any:
    """Return an object with the version of its shape, a list with that in each of its objects; see docs/json.md."""
    from surefoot.wording import JSON_VERSION  # noqa: PLC0415  # `ensure` prints none

    if isinstance(value, dict):
        return {"version": JSON_VERSION} | value
    return [versioned(each) for each in value] if isinstance(value, list) else value


def print_json(value: Any) -> None:
    """Print `value` as JSON with the version of its shape; what JSON has no type for is printed by str()."""
    import json  # noqa: PLC0415  # `ensure` prints none, and stands before every start of an application

    sys.stdout.write(json.dumps(versioned(value), indent=2, ensure_ascii=False, default=str) + "\n")
