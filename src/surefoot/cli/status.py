"""`surefoot status`: the state of the database, as text and as JSON."""

from dataclasses import asdict
from typing import Annotated

import typer

from surefoot.cli import history
from surefoot.cli.context import print_json, settings_and_url
from surefoot.cli.options import AsJson, AsPage, DatabaseUrl
from surefoot.pages import page_file


def show_status(
    tables: Annotated[bool, typer.Option("--tables", help="List the tables and their columns as well.")] = False,
    runs: Annotated[bool, typer.Option("--history", help="List the revisions and their runs as well.")] = False,
    as_json: AsJson = False,
    html: AsPage = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show revision, head, what is pending, drift, who migrates now, health and the last backup.

    Example: surefoot status --json

    Exit status 1 where something is pending or the database is not what its revision makes. Nothing is changed.
    """
    # imported here, because the help does not need it
    from surefoot import database  # noqa: PLC0415
    from surefoot.cli import status_text  # noqa: PLC0415
    from surefoot.operate.status.collect import status  # noqa: PLC0415
    from surefoot.operate.status.revision_history import history as chapters  # noqa: PLC0415

    if html is not None:
        page_file.check(html)
    settings, url = settings_and_url(database_url)
    result = status(settings, url)
    if as_json:
        output = status_text.as_json(result, url) | ({"tables": status_text.tables_as_json(result)} if tables else {})
        if runs:
            output["history"] = [asdict(each) for each in chapters(settings, url)]
        print_json(output)
    else:
        lines = [*status_text.as_text(result, url), *(status_text.table_lines(result) if tables else [])]
        if runs:
            lines += ["", *(line for chapter in chapters(settings, url) for line in history.lines(chapter))]
        typer.echo("\n".join(lines))
    failure = None if result.is_current else status_text.failure_of(result)
    if html is not None:
        from surefoot.pages import status_page  # noqa: PLC0415  # only a page needs what draws it

        extras = status_page.Extras(chapters(settings, url) if runs else None, tables)
        page_file.write(html, status_page.page(result, database.describe(url), failure, extras))
    if failure is not None:
        raise failure
