"""Options that several commands have."""

from typing import Annotated

import typer

DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", metavar="URL", help="Wins over DATABASE_URL and .env.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON, for a program.")]
