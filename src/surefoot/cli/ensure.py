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
    from surefoot.operate.ensure import ensure_current  # noqa: PLC0415  # SQLAlchemy takes longer to load than the rest

    engine = _reach(chosen, wait)
    try:
        ensure_current(engine, chosen.project, when_behind="refuse" if refuse else "upgrade")
    except SurefootError as fault:  # logged already, remedy and all
        raise typer.Exit(fault.status) from None


def _reach(chosen: Settings, seconds: float) -> "Engine":
    """Return an engine for the database, after a server that does not answer yet has had so many seconds.

    Raises SurefootError for any other refusal; without `seconds` nothing is tried here.
    """
    from surefoot import database  # noqa: PLC0415  # as above

    until, announced = time.monotonic() + seconds, -math.inf
    while True:
        try:
            url = database.url_of(chosen)
            engine = database.engine_for(url, application_name=f"{program()} ensure")
            if seconds:
                database.check_reachable(engine)
        except ServerUnavailable as fault:
            if time.monotonic() >= until:
                raise
            if time.monotonic() - announced > ANNOUNCED:
                announced = time.monotonic()
                logging.getLogger(program()).info("Waiting: %s For another %.0f s.", fault.message, until - announced)
            time.sleep(PAUSE)
        else:
            return engine
