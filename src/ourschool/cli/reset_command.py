"""`ourschool reset`: empties a development database and fills it with a small made-up school."""

from typing import Annotated

import typer

from ourschool import reset as resets
from ourschool import seed
from surefoot import silence
from surefoot.cli.context import settings_and_url
from surefoot.cli.options import DatabaseUrl, Yes
from surefoot.errors import RefusedError
from surefoot.operate import backup as backups
from surefoot.progress import command_steps
from surefoot.wording import counted, paragraph

MOST_LISTED = 5
"""The number of tables that are listed, the biggest first."""


def reset(  # noqa: PLR0913, PLR0917  # as many as there are options
    students: Annotated[int, typer.Option(help="Pupils of the school that is made.")] = 60,
    years: Annotated[int, typer.Option(help="School years.")] = 1,
    random_seed: Annotated[int, typer.Option(help="The same number makes the same rows.")] = seed.Plan.random_seed,
    yes: Yes = False,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Keep nothing of what is there.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Delete a development database's rows, build its tables again, make a small school.

    What is there is counted, the name of the database is asked for, and a backup is made first.

    Example: ourschool reset
    """
    settings, url = settings_and_url(database_url)
    plan = seed.Plan(students, years, random_seed, seed.LAST_DAY)
    former = resets.former(settings, url)
    if former.rows:
        _show(former)
        _ask(former, yes=yes)
        if not no_backup:
            with command_steps() as say:
                made = backups.backup(settings, url, say=say, reason=backups.Reason("reset"))
            typer.echo(paragraph(f"The backup from before: {made.path}", "", "  "))
    rows = resets.reset(settings, url, plan)
    typer.echo(f"Reset: {sum(rows.values()):,} rows in {len(rows)} tables.")


def _show(former: resets.Former) -> None:
    what = f"{former.total:,} row{'' if former.total == 1 else 's'} in {counted(len(former.rows), 'table')}"
    typer.echo(paragraph(f"Database {former.database} at {former.server} holds {what}:", "", "  "))
    biggest = list(former.rows.items())[:MOST_LISTED]
    width = max(len(name) for name, _ in biggest)
    for name, rows in biggest:
        typer.echo(f"  {name:{width}}  {rows:>12,}")
    if len(former.rows) > MOST_LISTED:
        rest = former.total - sum(rows for _, rows in biggest)
        typer.echo(f"  {'and the others':{width}}  {rest:>12,}")
    typer.echo(paragraph("A reset deletes all of it, with what is set aside. The migrations' journal stays."))


def _ask(former: resets.Former, *, yes: bool) -> None:
    """Ask for the name of the database, unless `yes`. Raises RefusedError for any other answer."""
    if yes:
        return
    try:
        with silence.paused():
            typed = typer.prompt("Type the name of the database to delete it all", default="", show_default=False)
    except typer.Abort:
        typed = ""
    if typed != former.database:
        what = f"You typed {typed!r}, not {former.database!r}" if typed else "The name was not typed"
        raise RefusedError(f"{what}. Nothing was deleted.", "Type the name, or give --yes in a script.")
