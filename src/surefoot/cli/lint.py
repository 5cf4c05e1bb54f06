"""`surefoot lint`: what in a revision would hurt the users, and what to write instead."""

from typing import Annotated

import typer

from surefoot.author.lint import lint_report
from surefoot.author.lint.linted_history import lint
from surefoot.cli.context import project
from surefoot.cli.options import AsJson, DatabaseUrl


def lint_revisions(
    revisions: Annotated[
        list[str] | None, typer.Argument(metavar="[REVISION]...", help="Ids, head, or ranges a:b; all without.")
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Run revisions on a scratch database and tell what in them would stall users, lose data or not run twice.

    Example: surefoot lint head
    """
    found = lint(*project(database_url), revisions or ())
    typer.echo(lint_report.as_json(found) if as_json else lint_report.as_text(found))
    raise typer.Exit(1 if found.findings else 0)
