"""Options that several commands have."""

from typing import Annotated

import typer

DatabaseUrl = Annotated[str | None, typer.Option("--database-url", help="Wins over DATABASE_URL and .env.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
