"""`surefoot new`, `rebase`, `prove` and `check`: the commands of the author of a revision."""

from dataclasses import asdict
from typing import Annotated

import typer

from surefoot.author import project_check, released_models, releases, revision_test, snapshot_writer
from surefoot.author import rebase as rebasing
from surefoot.author.kept_templates import KeptTemplates
from surefoot.cli.context import load_settings, print_json, settings_and_url
from surefoot.cli.options import AsJson, DatabaseUrl
from surefoot.environment import alembic_api
from surefoot.program import program
from surefoot.revision_catalogues import build
from surefoot.wording import paragraph


def new(
    message: Annotated[str, typer.Argument(help="What changes and where; it names the file.")],
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Write a revision from the models, and prove it.

    Example: surefoot new "add avatar_url to users"
    """
    settings, url = settings_and_url(database_url)
    with KeptTemplates(settings, url, alembic_api.script(settings)) as templates:
        written = revision_test.write(settings, url, message, templates)
        if written is None:
            typer.echo("null" if as_json else "Models and revisions agree: no file was written.")
            return
        proof = revision_test.prove(settings, url, written.revision, templates=templates, known=True)
    _show(proof, proven=proof.runs, as_json=as_json)


def rebase(
    revision: Annotated[str | None, typer.Argument(help="The head to move; else the one that is not released.")] = None,
    onto: Annotated[str | None, typer.Option(help="The head that it follows then; else the other one.")] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Put a revision on top of another head, where two people wrote one at once.

    Example: surefoot rebase
    """
    rebased = rebasing.rebase(load_settings(database_url), revision, onto)
    if as_json:
        print_json(asdict(rebased) | {"files": [*map(str, rebased.files)]} if rebased else None)
    elif rebased is None:
        typer.echo("There is one head: nothing was put on top of another.")
    else:
        for line in rebasing.lines(rebased):
            typer.echo(line)
        typer.echo(paragraph(f"Any other database that ran {rebased.moved[0]} has to go below it before it goes on."))
        typer.echo(f"Next: {program()} prove {rebased.moved[0]}")


def prove(
    revision: Annotated[str, typer.Argument(help="The id, or its beginning.")] = "head",
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Try a revision up, down and up, look for drift, and lint it.

    Example: surefoot prove head
    """
    proof = revision_test.prove(*settings_and_url(database_url), revision, known=True)
    _show(proof, proven=proof.holds, as_json=as_json)


def check(
    release: Annotated[bool, typer.Option("--release", help="Then list what is new as released.")] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Check the project as CI does; exit 1 where something is found.

    Example: surefoot check
    """
    settings, url = settings_and_url(database_url)
    outcomes = []
    for outcome in project_check.check(settings, url):
        outcomes.append(outcome)
        if not as_json:
            typer.echo(f"{'found' if outcome.problems else 'ok':<6}{outcome.name}")
            for problem in outcome.problems:
                typer.echo(f"      {problem}")
    if as_json:
        print_json([asdict(outcome) for outcome in outcomes])
    if any(outcome.problems for outcome in outcomes):
        raise typer.Exit(1)
    if release:
        build.write_packaged(settings, url)
        snapshot_writer.write(settings, url)
        released_models.write(settings)
        new_ones = releases.add(settings, alembic_api.script(settings))
        typer.echo(f"Released: {', '.join(new_ones) or 'nothing that was not before'}.", err=as_json)


def _show(proof: revision_test.Proof, *, proven: bool, as_json: bool) -> None:
    """Print the proof; exit 1 unless it is `proven`. What was just written may be, while parts are left to write."""
    if as_json:
        output = asdict(proof) | {"file": str(proof.file), "holds": proof.holds}
        del output["findings"]
        print_json(output)
    else:
        typer.echo(f"{proof.file}")
        for step in proof.steps:
            typer.echo(f"  {'wrong' if step.problems else 'ok':<6}{step.what} ({step.seconds:.2f} s)")
            for line in (*step.problems, *step.notes):
                typer.echo(paragraph(line, " " * 8, " " * 8))
        for line in proof.unwritten:
            typer.echo(paragraph(f"left  {line}", "  ", "        "))
        todo = "write what is left" if proof.runs else "mend the file"
        verdict = "Proven." if proven else f"Not proven: {todo}, then {program()} prove {proof.revision}."
        if not proof.tried:
            typer.echo("Nothing has changed since these steps ran; they did not run again.")
        typer.echo(paragraph(f"{verdict} Read it whole before you commit it."))
    if not proven:
        raise typer.Exit(1)
