"""`ourschool lint`: what in a revision would hurt the school's users, and what to write instead."""

from pathlib import Path
from typing import Annotated

import typer

from ourschool import database, settings
from ourschool.cli.options import AsJson, DatabaseUrl
from ourschool.operate.lint import report
from ourschool.operate.lint.history import lint


def lint_revisions(
    revisions: Annotated[
        list[str] | None, typer.Argument(metavar="[REVISION]...", help="Ids, head, or ranges a:b; all without.")
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Run revisions on a scratch database and tell what in them would stall users, lose data or not run twice."""
    project = settings.load(Path.cwd(), database_url=database_url)
    found = lint(project, database.url_of(project), revisions or ())
    typer.echo(report.as_json(found) if as_json else report.as_text(found))
    raise typer.Exit(1 if found.findings else 0)
