"""`surefoot ensure` as Typer parses it: for its help, and for options that `ensure_run` does not know."""

from typing import Annotated

import typer

from surefoot.cli.context import load_settings
from surefoot.cli.options import DatabaseUrl


def ensure(
    refuse: Annotated[bool, typer.Option("--refuse", help="Do not upgrade: exit 3 when something is pending.")] = False,
    wait: Annotated[
        float, typer.Option("--wait", min=0, metavar="SECONDS", help="Wait so long for a server that is starting.")
    ] = 0,
    database_url: DatabaseUrl = None,
) -> None:
    """Bring the database up to date, or say that it is; anything else is an exit status that stops a start script.

    Example: surefoot ensure && exec gunicorn app:app
    """
    from surefoot.cli import ensure_run  # noqa: PLC0415  # the help does not need it

    raise typer.Exit(ensure_run.run(load_settings(database_url), refuse=refuse, wait=wait))
