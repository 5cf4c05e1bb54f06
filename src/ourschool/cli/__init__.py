"""The command `ourschool`: parse, call, print; the work is done elsewhere."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer

from ourschool import clients, database, settings
from ourschool.cli.backup import app as backup_app
from ourschool.cli.lint import lint_revisions
from ourschool.cli.restore import restore_backup
from ourschool.errors import OurSchoolError

app = typer.Typer(
    help="The database of a school, kept right for years.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
DatabaseUrl = Annotated[str | None, typer.Option("--database-url", help="Wins over DATABASE_URL and .env.")]


@app.callback()
def ourschool() -> None:
    """Migrations are run with python -m alembic; this command has what Alembic has no word for."""


@app.command(context_settings=PASS_THROUGH)
def psql(context: typer.Context, database_url: DatabaseUrl = None) -> None:
    """Open psql on the database: ourschool psql -c 'select * from alembic_version'."""
    _run("psql", context.args, database_url)


@app.command("pg_dump", context_settings=PASS_THROUGH)
def pg_dump(context: typer.Context, database_url: DatabaseUrl = None) -> None:
    """Dump the database: ourschool pg_dump --file backup.sql."""
    _run("pg_dump", context.args, database_url)


app.command("lint")(lint_revisions)
app.add_typer(backup_app, name="backup")
app.command("restore")(restore_backup)


def _run(program: str, arguments: list[str], database_url: str | None) -> None:
    project = settings.load(Path.cwd(), database_url=database_url)
    url = database.url_of(project)
    try:
        binary = clients.program(program, clients.server_major(url))
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault
    done = subprocess.run([str(binary), *arguments], env=database.libpq_environment(url), check=False)
    raise typer.Exit(done.returncode)


def main() -> None:
    """Run the command; a foreseen fault is one sentence, a remedy and its exit status."""
    try:
        app()
    except OurSchoolError as fault:
        sys.stderr.write(f"ourschool: {fault}\n")
        sys.exit(fault.status)
