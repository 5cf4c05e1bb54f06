"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", metavar="URL", help="Wins over DATABASE_URL and .env.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON, for a program.")]
AsPage = Annotated[
    Path | None, typer.Option("--html", metavar="FILE.html", help="Also write it as a page for a browser.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: for scripts.")]
"""The option of every command that asks for confirmation."""
WindowOption = Annotated[
    str | None,
    typer.Option("--window", metavar="HH:MM-HH:MM", help="Only then, by this machine's clock; it waits for its hour."),
]
