"""`ourschool seed`: fills an empty database with a made-up school."""

import datetime as dt
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import psycopg
import sqlalchemy as sa
import typer

from ourschool import seed
from surefoot import database
from surefoot.cli.context import settings_and_url
from surefoot.cli.options import DatabaseUrl
from surefoot.progress import on_terminal, row_progress

LINE_EVERY = 1_000_000
"""Rows between two lines on stderr where it is no terminal."""


def seed_school(
    students: Annotated[int, typer.Option(help="Pupils who were there in all those years.")] = seed.Plan.students,
    years: Annotated[int, typer.Option(help="School years.")] = seed.Plan.years,
    random_seed: Annotated[int, typer.Option(help="The same number makes the same rows.")] = seed.Plan.random_seed,
    last_day: Annotated[
        dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="The day up to which everything is known.")
    ] = dt.datetime.combine(seed.LAST_DAY, dt.time()),  # noqa: B008  # a constant
    database_url: DatabaseUrl = None,
) -> None:
    """Fill an empty database at head with a made-up school.

    Example: ourschool seed --students 200 --years 2
    """
    plan = seed.Plan(students, years, random_seed, last_day.date())
    _, url = settings_and_url(database_url)
    engine = database.engine_for(url, application_name="ourschool seed")
    started = time.monotonic()
    try:
        with engine.connect() as connection, _progress(plan.estimate) as advance:
            driver = database.driver_of(connection)
            rows = seed.seed(driver, plan, advance)
            driver.commit()
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault
    except psycopg.Error as fault:
        raise database.explain(sa.exc.DBAPIError("seed", None, fault), url) from fault
    typer.echo(f"{sum(rows.values()):,} rows in {len(rows)} tables, {time.monotonic() - started:.1f} s.")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that counts rows: on a bar where there is a terminal, else in a line per LINE_EVERY rows."""
    if on_terminal():
        with row_progress("seeding", total) as progress:
            yield lambda rows: progress.advance(rows, 0)
    else:
        yield _lines(total)


def _lines(total: int) -> Callable[[int], None]:
    done = 0

    def advance(rows: int) -> None:
        nonlocal done
        if done // LINE_EVERY != (done + rows) // LINE_EVERY:
            sys.stderr.write(f"seeding: {done + rows:,} of about {total:,} rows\n")
        done += rows

    return advance
