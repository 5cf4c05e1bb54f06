"""`surefoot identify`: which revision a database equals, whatever it says of itself."""

from collections.abc import Iterator

import typer

from surefoot.cli.context import here, print_json, project
from surefoot.cli.options import AsJson, DatabaseUrl
from surefoot.errors import CheckFailed
from surefoot.program import program
from surefoot.revision_catalogues.identify import Identity, identify
from surefoot.wording import counted, paragraph

SHOWN = 20
"""How many deviations are printed; --json has all."""


def identify_database(as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Tell which revision the database equals, or which is nearest and what differs.

    Example: surefoot identify

    Exit status 0 where it is what alembic_version says, else 1. The database is only looked at; the revisions are built
    in a scratch database beside it.
    """
    found = identify(*project(database_url))
    if as_json:
        print_json(_json(found))
    else:
        typer.echo("\n".join(_text(found)))
    if not found.consistent:
        raise _fault(found)


def _text(found: Identity) -> Iterator[str]:
    if found.cut_off is not None:
        yield paragraph(found.cut_off.sentence)
    for revision in found.equals:
        yield paragraph(f"{revision}  {found.messages[revision]}", "Equals   ", "         ")
    if found.empty:
        yield "Equals   nothing: the database has no tables"
    if found.nearest:
        count = counted(len(found.difference.deviations), "deviation")
        yield paragraph(f"{found.nearest}  {found.messages[found.nearest]}: {count}", "Nearest  ", "         ")
        for line in found.difference.lines()[:SHOWN]:
            yield paragraph(line, "  ", "    ")
        if len(found.difference.deviations) > SHOWN:
            yield f"  and {len(found.difference.deviations) - SHOWN} more: --json has all"
    says = " and ".join(f"{one} (unknown to these files)" if one in found.unknown else one for one in found.recorded)
    yield f"Says     {says or 'nothing: no revision is recorded'}"


def _fault(found: Identity) -> CheckFailed:
    if found.cut_off is not None:
        return CheckFailed(found.cut_off.message, found.cut_off.remedy)
    says = " and ".join(found.recorded)
    if found.empty:
        return CheckFailed(
            f"The database says it is at {says}, and has no tables.",
            "Restore the last backup into a new database, or begin anew: drop table alembic_version, then "
            "python -m alembic upgrade head.",
        )
    if found.equals:
        revision = found.equals[-1]
        argument = "" if revision == here().project.baseline and not found.recorded else f" {revision}"
        stands = f"says it is at {says}, but" if says else "has no recorded revision, and"
        several = ", of which only you know which rows were changed" if len(found.equals) > 1 else ""
        return CheckFailed(
            f"The database {stands} equals {' and '.join(found.equals)}{several}.",
            f"Back up, then record what it is: python -m {program()} adopt{argument}.",
        )
    assert found.nearest is not None
    if found.hidden is not None:
        return CheckFailed(
            f"The database equals no revision; {found.nearest} is the nearest. {found.hidden.message}",
            f"{found.hidden.remedy} Then python -m {program()} identify tells what else differs.",
        )
    remedy = f"python -m {program()} adopt {found.nearest} --repair repair.sql writes what makes up for the difference."
    if found.unknown:
        remedy = (
            f"{' and '.join(found.unknown)} is probably of a newer {program()}: install that. Only where you know that "
            f"it is not: {remedy}"
        )
    return CheckFailed(f"The database equals no revision; {found.nearest} is the nearest.", remedy)


def _json(found: Identity) -> dict[str, object]:
    return {
        "says": found.recorded,
        "unknown": found.unknown,
        "equals": found.equals,
        "nearest": found.nearest,
        "deviations": found.difference.as_json(),
        "in_step": found.consistent,
        "unfinished": found.cut_off.as_json() if found.cut_off else None,
    }
