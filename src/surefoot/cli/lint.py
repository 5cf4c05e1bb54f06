"""`surefoot lint`: finds dangerous statements in revisions, and prints safe ones to paste."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from surefoot.cli.context import load_settings, settings_and_url
from surefoot.cli.options import AsJson, DatabaseUrl


class Format(StrEnum):
    """What the findings are printed as."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


def lint_revisions(  # noqa: PLR0913, PLR0917  # the options of the command
    revisions: Annotated[
        list[str] | None, typer.Argument(metavar="[REVISION]...", help="Ids, head, or ranges a:b; all without.")
    ] = None,
    diff: Annotated[
        str | None, typer.Option("--diff", metavar="REF", help="Only what this branch adds to REF, as origin/main.")
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="What to print: for people, programs, GitHub, or as SARIF 2.1.0.")
    ] = Format.TEXT,
    sizes_file: Annotated[
        Path | None,
        typer.Option(
            "--sizes", metavar="FILE", help="How large the real tables are: CSV, JSON or a manifest; else a backup's."
        ),
    ] = None,
    rule: Annotated[
        str | None, typer.Option("--explain", metavar="RULE", help="Print what a rule means, and its safe form.")
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Run revisions on a scratch database and tell what in them would stall users, lose data or not run twice.

    Example: surefoot lint head
    """
    # imported here, because the help does not need it
    if rule is not None:
        from surefoot.author.lint import rule_texts  # noqa: PLC0415

        load_settings(database_url)
        typer.echo(rule_texts.explain(rule))
        return
    from surefoot.author import changed_revisions  # noqa: PLC0415
    from surefoot.author.lint import lint_report, sarif, table_sizes  # noqa: PLC0415
    from surefoot.author.lint.linted_history import lint  # noqa: PLC0415

    settings, url = settings_and_url(database_url)
    chosen = [*(revisions or ()), *(changed_revisions.since(settings, diff) if diff else ())]
    sizes = table_sizes.read(sizes_file) if sizes_file else table_sizes.of_newest_backup(settings)
    report = lint(settings, url, chosen, known=True, sizes=sizes) if chosen or not diff else lint_report.EMPTY
    formats = {
        Format.TEXT: lint_report.as_text, Format.JSON: lint_report.as_json, Format.GITHUB: lint_report.as_commands,
        Format.SARIF: sarif.as_sarif,
    }  # fmt: skip
    text = formats[Format.JSON if as_json else form](report)
    if text:
        typer.echo(text)
    raise typer.Exit(1 if report.errors else 0)
