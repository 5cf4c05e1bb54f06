"""`surefoot lint`: finds dangerous statements in revisions, and prints safe ones to paste."""

from typing import Annotated

import typer

from surefoot.cli.context import settings_and_url
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
    # imported here, because the help does not need it
    from surefoot.author.lint import lint_report  # noqa: PLC0415
    from surefoot.author.lint.linted_history import lint  # noqa: PLC0415

    report = lint(*settings_and_url(database_url), revisions or ())
    typer.echo(lint_report.as_json(report) if as_json else lint_report.as_text(report))
    raise typer.Exit(1 if report.findings else 0)
