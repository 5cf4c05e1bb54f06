"""Options and answers that several commands share."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.engine import URL

from ourschool import database, settings
from ourschool.settings import Settings

DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", metavar="URL", help="Wins over DATABASE_URL and .env.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON, for a program.")]


def project(database_url: str | None) -> tuple[Settings, URL]:
    """The settings of the folder that the command was typed in, and the database they name."""
    loaded = settings.load(Path.cwd(), database_url=database_url)
    return loaded, database.url_of(loaded)


def print_json(value: Any) -> None:
    """Print `value` as JSON; times as ISO 8601."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
