"""`surefoot ensure`: upgrades the database before an application starts; `ensure_current` as a command."""

import logging
import sys
from typing import Annotated

import typer

from surefoot.cli.context import load_settings
from surefoot.cli.options import DatabaseUrl
from surefoot.errors import SurefootError
from surefoot.operate import head_check
from surefoot.program import program
from surefoot.settings import Settings


def ensure(
    refuse: Annotated[bool, typer.Option("--refuse", help="Do not upgrade: exit 3 when something is pending.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Bring the database up to date, or say that it is; anything else is an exit status that stops a start script.

    Example: surefoot ensure && exec gunicorn app:app
    """
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    chosen = load_settings(database_url)
    for name in (program(), "surefoot", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(logging.INFO)
    head = head_check.at_head(chosen)
    if head is not None:
        logging.getLogger(program()).info("The database is current at %s.", head)
    else:
        _bring(chosen, refuse=refuse)


def _bring(chosen: Settings, *, refuse: bool) -> None:
    from surefoot import database  # noqa: PLC0415  # SQLAlchemy takes longer to load than all the rest of a start
    from surefoot.operate.ensure import ensure_current  # noqa: PLC0415

    engine = database.engine_for(database.url_of(chosen), application_name=f"{program()} ensure")
    try:
        ensure_current(engine, chosen.project, when_behind="refuse" if refuse else "upgrade")
    except SurefootError as fault:  # logged already, remedy and all
        raise typer.Exit(fault.status) from None
