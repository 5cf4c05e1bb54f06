"""`ourschool reset`: a development database as on the first day."""

from typing import Annotated

import typer

from ourschool.cli.asked import project
from ourschool.cli.options import DatabaseUrl
from ourschool.operate import reset as resets
from ourschool.operate import seed


def reset(
    students: Annotated[int, typer.Option(help="Pupils of the school that is made.")] = 60,
    years: Annotated[int, typer.Option(help="School years.")] = 1,
    random_seed: Annotated[int, typer.Option(help="The same number makes the same rows.")] = seed.Plan.random_seed,
    database_url: DatabaseUrl = None,
) -> None:
    """Down to base, up to head, a small school; only where the database is one for development.

    Example: ourschool reset
    """
    plan = seed.Plan(students, years, random_seed, seed.LAST_DAY)
    made = resets.reset(*project(database_url), plan)
    typer.echo(f"Reset: {sum(made.values()):,} rows in {len(made)} tables.")
