"""Which database a command was asked about, and its answer for a program."""

import json
from pathlib import Path
from typing import Any

import typer
from sqlalchemy.engine import URL

from ourschool import database, settings
from ourschool.settings import Settings


def project(database_url: str | None) -> tuple[Settings, URL]:
    """The settings of the folder that the command was typed in, and the database they name."""
    loaded = settings.load(Path.cwd(), database_url=database_url)
    return loaded, database.url_of(loaded)


def print_json(value: Any) -> None:
    """Print `value` as JSON; times as ISO 8601."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
