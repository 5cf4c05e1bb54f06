"""`surefoot ensure`: upgrades the database before an application starts; `ensure_current` as a command."""

import logging
import math
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from surefoot.cli.context import load_settings
from surefoot.cli.options import DatabaseUrl
from surefoot.errors import ServerUnavailable, SurefootError
from surefoot.operate import head_check
from surefoot.program import program
from surefoot.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

PAUSE = 0.5
"""Seconds between two tries to connect."""
ANNOUNCED = 10.0
"""Seconds between two lines that say what is waited for."""


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
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    chosen = load_settings(database_url)
    for name in (program(), "surefoot", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(logging.INFO)
    head = head_check.at_head(chosen)
    if head is not None:
        logging.getLogger(program()).info("The database is current at %s.", head)
    else:
        _bring(chosen, refuse=refuse, wait=wait)


def _bring(chosen: Settings, *, refuse: bool, wait: float) -> None:
    from surefoot import database  # noqa: PLC0415  # SQLAlchemy takes longer to load than all the rest of a start
    from surefoot.operate.ensure import ensure_current  # noqa: PLC0415

    engine = database.engine_for(database.url_of(chosen), application_name=f"{program()} ensure")
    try:
        _wait_for_server(engine, wait)
        ensure_current(engine, chosen.project, when_behind="refuse" if refuse else "upgrade")
    except SurefootError as fault:  # logged already, remedy and all
        raise typer.Exit(fault.status) from None


def _wait_for_server(engine: "Engine", seconds: float) -> None:
    """Try to connect until the server lets us in, for so many seconds; leave any other refusal to who connects next."""
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415  # as above

    from surefoot import database  # noqa: PLC0415

    until, announced = time.monotonic() + seconds, -math.inf
    while time.monotonic() < until:
        try:
            engine.connect().close()
        except DBAPIError as fault:
            explained = database.explain(fault, engine.url)
            if not isinstance(explained, ServerUnavailable):
                return
            if time.monotonic() - announced > ANNOUNCED:
                announced = time.monotonic()
                logging.getLogger(program()).info(
                    "Waiting: %s For another %.0f s.", explained.message, until - announced
                )
            time.sleep(PAUSE)
        else:
            return
