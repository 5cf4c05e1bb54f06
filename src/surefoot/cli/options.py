"""Options that several commands have."""

from typing import Annotated

import typer

DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", metavar="URL", help="Wins over DATABASE_URL and .env.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON, for a program.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: for scripts.")]
"""Of a command that asks before it changes anything."""
