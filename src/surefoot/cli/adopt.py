"""`surefoot adopt`: take over a database that Alembic does not know."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from surefoot.cli.context import load_settings, print_json, settings_and_url
from surefoot.cli.options import AsJson, DatabaseUrl
from surefoot.errors import RefusedError, UsageError
from surefoot.operate.adopt.adopt_findings import Finding, Group
from surefoot.operate.adopt.adoption import Adoption, adopt
from surefoot.operate.adopt.give_back import GivenBack, give_back
from surefoot.program import alembic_command, program
from surefoot.wording import counted, paragraph

HEADINGS = {
    Group.HARMLESS: "Harmless, can be repaired now",
    Group.DECISION: "Needs a decision",
    Group.FOREIGN: "Not this database at all",
}
REPAIR = "repair.sql"


def adopt_database(  # noqa: PLR0913, PLR0917  # an argument for each option
    revision: Annotated[
        str | None, typer.Argument(metavar="[REVISION]", help="What to prove it equal to; without, the baseline.")
    ] = None,
    repair: Annotated[
        Path | None, typer.Option("--repair", metavar="FILE", help="Write the SQL that makes up for what differs.")
    ] = None,
    decided: Annotated[
        bool, typer.Option("--decided", help="In that file, what needs a decision is ready to run, not commented out.")
    ] = False,
    giving_back: Annotated[
        bool, typer.Option("--give-back", help="Instead: give back what a repair set aside and no revision needs.")
    ] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Compare a database with a revision, and stamp it only where the two are equal.

    Example: surefoot adopt --repair repair.sql

    Where something differs nothing is stamped, each difference is listed with what it asks of you, and the exit status
    is 3.
    """
    if giving_back:
        if revision or repair or decided:
            raise UsageError("--give-back stands alone.", f"python -m {program()} adopt --give-back")
        _give_back(give_back(*settings_and_url(database_url)), as_json=as_json)
        return
    outcome = adopt(*settings_and_url(database_url), revision, repair=repair, decided=decided)
    if as_json:
        print_json(_json(outcome))
    else:
        typer.echo("\n".join(_text(outcome)))
    if outcome.findings:
        raise _refusal(outcome, revision)


def _give_back(result: GivenBack, *, as_json: bool) -> None:
    if as_json:
        print_json({"back": result.restored, "stays": [{"what": what, "why": why} for what, why in result.kept]})
        return
    lines = [paragraph(f"{what} is back.", "", "  ") for what in result.restored]
    lines += [paragraph(f"{what} stays set aside: {why}.", "", "  ") for what, why in result.kept]
    typer.echo("\n".join(lines or ["Nothing is set aside for somebody else."]))


def _text(outcome: Adoption) -> Iterator[str]:
    if outcome.stamped:
        if outcome.before == (outcome.revision,):
            yield f"The database is at {outcome.revision} and equals it: there was nothing to do."
        else:
            yield f"The database equals revision {outcome.revision}, and was stamped with it."
            yield f"Next: python -m {program()} status"
        return
    if outcome.strangers:
        yield f"Names that later revisions make are taken ({len(outcome.strangers)}):"
        yield from (paragraph(str(each), "  ", "    ") for each in outcome.strangers)
        yield ""
    for group, heading in HEADINGS.items():
        findings = [each for each in outcome.findings if each.repair.group is group]
        if findings:
            yield f"{heading} ({len(findings)}):"
            for finding in findings:
                yield from _finding_lines(finding)
            yield ""


def _finding_lines(finding: Finding) -> Iterator[str]:
    yield paragraph(str(finding.deviation), "  ", "    ")
    if finding.repair.note:
        yield paragraph(finding.repair.note, "    · ", "      ")
    if finding.repair.rows_query:
        yield paragraph(finding.repair.rows_query, "      ", "      ")


def _refusal(outcome: Adoption, revision: str | None) -> RefusedError:
    again = f"python -m {program()} adopt" + (f" {revision}" if revision else "")
    if outcome.foreign:
        return RefusedError(
            f"This is not the database of revision {outcome.revision}: most of its tables are missing or others.",
            f"Look whether DATABASE_URL names the right database; python -m {program()} identify tells what it is. No "
            f"repair is written for it, with --decided neither: it may stay, and {program()} gets one of its own "
            f"(createdb, then DATABASE_URL, then {alembic_command()} upgrade head).",
        )
    sentence = f"The database deviates from revision {outcome.revision} in {counted(len(outcome.findings), 'place')}, "
    if outcome.repair is not None:
        file = shlex.quote(str(outcome.repair))
        next_command = f"{alembic_command()} upgrade head" if outcome.only_name_conflicts else again
        remedy = f"Read {file}, back up, then: python -m {program()} psql -f {file} && {next_command}."
    else:
        remedy = f"To have the repair written for you to read: {again} --repair {REPAIR}."
    if outcome.strangers:
        remedy += " What has a name that a later revision makes has to go: --decided has it set aside."
    elif outcome.only_additions and outcome.revision == load_settings().project.baseline:
        remedy += f" What is only beyond may stay: {alembic_command()} stamp {outcome.revision} lets it."
    elif outcome.revision == load_settings().project.baseline:
        remedy += f" Which revision it is nearest to: python -m {program()} identify."
    if outcome.only_name_conflicts:
        return RefusedError(
            f"The database is at {outcome.revision}, and {counted(len(outcome.strangers), 'name')} that later "
            "revisions make are taken.",
            f"{remedy} What is in nobody's way stays.",
        )
    return RefusedError(sentence + "so it was not stamped.", remedy)


def _json(outcome: Adoption) -> dict[str, object]:
    return {
        "revision": outcome.revision,
        "before": outcome.before,
        "stamped": outcome.stamped,
        "foreign": outcome.foreign,
        "findings": [each.as_json() for each in outcome.findings],
        "strangers": [str(each) for each in outcome.strangers],
        "repair": str(outcome.repair) if outcome.repair and not outcome.foreign else None,
    }
