"""`surefoot identify`: which revision the schema of a database equals, whatever alembic_version says."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from surefoot.cli.context import load_settings, print_json, settings_and_url
from surefoot.cli.options import AsJson, DatabaseUrl
from surefoot.errors import CheckFailed
from surefoot.program import alembic_command, elsewhere, program
from surefoot.wording import counted, paragraph

if TYPE_CHECKING:
    from surefoot.revision_catalogues.identify import Identity

MOST_LISTED = 20
"""The number of differences that are printed; --json has all."""


def identify_database(as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Tell which revision the database equals, or which is nearest and what differs.

    Example: surefoot identify

    Exit status 0 where it is what alembic_version says, else 1. The database is only looked at; the revisions are built
    in a scratch database beside it.
    """
    from surefoot.revision_catalogues.identify import identify  # noqa: PLC0415  # the help does not need it

    result = identify(*settings_and_url(database_url))
    if as_json:
        print_json(_json(result))
    else:
        typer.echo("\n".join(_text(result)))
    if not result.consistent:
        raise _failure(result)


def _text(result: "Identity") -> Iterator[str]:
    if result.cut_off is not None:
        yield paragraph(result.cut_off.sentence)
    for revision in result.equals:
        yield paragraph(f'The tables match revision {revision} ("{result.messages[revision]}").')
    if result.empty:
        yield "The database has no tables."
    if result.nearest:
        count = counted(len(result.difference.deviations), "difference")
        nearest = f'{result.nearest} ("{result.messages[result.nearest]}") is the nearest, with {count}'
        yield paragraph(f"The tables match no revision; {nearest}:")
        for line in result.difference.lines()[:MOST_LISTED]:
            yield paragraph(line, "  ", "    ")
        if len(result.difference.deviations) > MOST_LISTED:
            yield f"  and {len(result.difference.deviations) - MOST_LISTED} more: --json has all"
    says = " and ".join(f"{one} (unknown to these files)" if one in result.unknown else one for one in result.recorded)
    agree = " They agree: nothing to do." if result.consistent and says else ""
    yield paragraph(f"alembic_version records {says}.{agree}" if says else "No revision is recorded.")


def _failure(result: "Identity") -> CheckFailed:
    if result.cut_off is not None:
        return CheckFailed(result.cut_off.message, result.cut_off.remedy)
    says = " and ".join(result.recorded)
    if result.empty:
        return CheckFailed(
            f"The database says it is at {says}, and has no tables.",
            "Restore the last backup into a new database, or begin anew: drop table alembic_version, then "
            f"{alembic_command()} upgrade head.",
        )
    if result.equals:
        revision = result.equals[-1]
        argument = "" if revision == load_settings().project.baseline and not result.recorded else f" {revision}"
        recorded = f"says it is at {says}, but" if says else "has no recorded revision, and"
        several = ", of which only you know which rows were changed" if len(result.equals) > 1 else ""
        return CheckFailed(
            f"The database {recorded} equals {' and '.join(result.equals)}{several}.",
            f"Back up, then record what it is: python -m {program()} adopt{argument}.",
        )
    assert result.nearest is not None
    if result.hidden is not None:
        return CheckFailed(
            f"The database equals no revision; {result.nearest} is the nearest. {result.hidden.message}",
            f"{result.hidden.remedy} Then python -m {program()} identify tells what else differs.",
        )
    adopt = f"python -m {program()} adopt {result.nearest}"
    remedy = f"{adopt} --repair repair.sql writes what makes up for the difference."
    theirs = [
        f"{each} is {elsewhere(each)}, which has revisions of its own" for each in result.unknown if elsewhere(each)
    ]
    if theirs:
        remedy = f"{'; '.join(theirs)}. {remedy}"
    elif result.unknown:
        remedy = (
            f"{' and '.join(result.unknown)} may be of a newer {program()}, or of another application. If of a newer "
            f"one, install that; else: {remedy}"
        )
    return CheckFailed(f"The database equals no revision; {result.nearest} is the nearest.", remedy)


def _json(result: "Identity") -> dict[str, object]:
    return {
        "says": result.recorded,
        "unknown": result.unknown,
        "equals": result.equals,
        "nearest": result.nearest,
        "deviations": result.difference.as_json(),
        "in_step": result.consistent,
        "unfinished": result.cut_off.as_json() if result.cut_off else None,
    }
