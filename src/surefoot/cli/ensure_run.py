"""What `surefoot ensure` does, without Typer: it stands before every start of an application and must load quickly."""

import logging
import math
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from surefoot.errors import ServerUnavailable, SurefootError
from surefoot.program import program
from surefoot.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

PAUSE = 0.5
"""Seconds between two tries to connect."""
ANNOUNCED = 10.0
"""Seconds between two lines that say what is waited for."""


class Options(TypedDict):
    """The options of `ensure`."""

    refuse: bool
    """Whether to upgrade nothing."""
    wait: float
    """Seconds that a server which is starting has."""


def usual_options(arguments: Sequence[str]) -> Options | None:
    """Return what `--refuse` and `--wait SECONDS` say, in any order; None where there is another word, for Typer."""
    options, rest = Options(refuse=False, wait=0), list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--refuse":
            options["refuse"] = True
        elif word == "--wait" and rest and rest[0].isdecimal():
            options["wait"] = float(rest.pop(0))
        else:
            return None
    return options


def run(chosen: Settings, *, refuse: bool, wait: float) -> int:
    """Bring the database up to date, or say that it is; return the exit status.

    With `refuse` nothing is upgraded. A server that is starting has `wait` seconds. Raises SurefootError where there is
    no database to ask.
    """
    from surefoot.runtime import head_check  # noqa: PLC0415  # psycopg, which the help does not need

    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    for name in (program(), "surefoot", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(logging.INFO)
    head = head_check.at_head(chosen)
    if head is None:
        return _bring(chosen, refuse=refuse, wait=wait)
    logging.getLogger(program()).info("The database is current at %s.", head)
    return 0


def _bring(chosen: Settings, *, refuse: bool, wait: float) -> int:
    from surefoot.operate.ensure import ensure_current  # noqa: PLC0415  # SQLAlchemy takes longer to load than the rest

    engine = _reach(chosen, wait)
    try:
        ensure_current(engine, chosen.project, when_behind="refuse" if refuse else "upgrade")
    except SurefootError as fault:  # logged already, remedy and all
        return fault.status
    return 0


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
            logging.getLogger(program()).info("%s", database.announcement(url, chosen.url_source))
            return engine
