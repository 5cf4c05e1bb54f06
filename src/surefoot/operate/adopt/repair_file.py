"""Writes the repair as a file for psql: one transaction, to be read before it is run."""

import os
import shlex
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from textwrap import fill, indent

from surefoot.errors import FailedError, UsageError
from surefoot.operate.adopt import repair_retire
from surefoot.operate.adopt.adopt_findings import Finding, Group, Statement, quoted
from surefoot.program import alembic_command, program

HEAD = """\
-- Repair of {database}, so that it equals revision {revision}. Written by {program} adopt.
-- One transaction: all of it or nothing. Read it, back up, then
--     python -m {program} psql -f {file}
--     {then}
\\set ON_ERROR_STOP on
begin;
set local search_path = {schema};
set local lock_timeout = '5s';
"""
STAYS = """\
-- What follows is in no later revision's way, and stays. Its repair, commented out, would make the database equal the
-- revision to the last comment, which nothing asks for now.
"""
COMMENTED = """\
-- What follows needs a decision and is commented out. For each of them: delete the two dashes before its statements, or
-- leave it, and see it named again. What is only beyond the baseline may stay: {alembic} stamp lets it.
"""


def heading(database: str, revision: str, path: Path, *, schema: str, then: str) -> str:
    """Return the head of the file. `schema` is where the tables are, `then` the command to run afterwards."""
    return HEAD.format(
        program=program(),
        database=_one_line(database),
        revision=revision,
        file=_one_line(shlex.quote(str(path))),
        schema=quoted(schema),
        then=then,
    )


def text(heading: str, findings: Sequence[Finding], *, decided: bool) -> str:
    """Return the file's text below `heading`.

    Repairs that need a decision are commented out unless they are `decided`.
    """
    parts: list[str] = []
    harmless = [each for each in findings if each.repair.group is Group.HARMLESS]
    open_decisions = [each for each in findings if each.repair.group is Group.DECISION and not each.may_stay]
    stays = [each for each in findings if each.repair.group is Group.DECISION and each.may_stay]
    if harmless:
        parts += ["\n-- Harmless: no value changes, and nothing goes away that somebody made.\n", *_section(harmless)]
    if open_decisions:
        parts += ["\n-- Decided.\n" if decided else "\n" + COMMENTED.format(alembic=alembic_command())]
        parts += [part if decided else _as_comment(part) for part in _section(open_decisions)]
    if stays:
        parts += ["\n" + STAYS, *(_as_comment(part) for part in _section(stays))]
    below = "".join(parts)
    return f"{heading}{repair_retire.required_procedures(below)}{below}\ncommit;\n"


def write(path: Path, content: str) -> None:
    """Write a new file that only its owner can read, because it shows what is in the database.

    Raises UsageError if the file exists, and FailedError if it cannot be written.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError as fault:
        raise UsageError(
            f"{path} is there already, and may hold decisions of yours.", "Name another file after --repair."
        ) from fault
    except OSError as fault:
        raise FailedError(
            f"{path} could not be written: {fault.strerror}.", "Name a file after --repair that you may write."
        ) from fault


def _wrapped(text: str, first: str, rest: str) -> str:
    return fill(text, 118, initial_indent=first, subsequent_indent=rest, break_long_words=False) + "\n"


def _section(findings: Sequence[Finding]) -> Iterator[str]:
    """Return the statements of the findings in an order in which they can run."""
    pairs: list[tuple[Statement | None, int]] = [
        (statement, number)
        for number, finding in enumerate(findings)
        for statement in finding.repair.statements or (None,)
    ]
    pairs.sort(key=lambda pair: pair[0].phase if pair[0] else 0)
    begun: set[int] = set()
    for number, group in groupby(pairs, key=lambda pair: pair[1]):
        finding = findings[number]
        continued = f"-- {_one_line(finding.deviation.what)}, continued\n"
        yield "\n" + (continued if number in begun else "".join(_heading(finding)))
        begun.add(number)
        yield "".join(f"{statement.sql}\n" for statement, _ in group if statement)


def _heading(finding: Finding) -> Iterator[str]:
    yield _wrapped(_one_line(str(finding.deviation)), "-- ", "--     ")
    repair = finding.repair
    if repair.note:
        yield _wrapped(f"{_one_line(repair.note)}.", "--   ", "--   ")
    if repair.rows_query:
        yield f"--   to see them: {_one_line(repair.rows_query)}\n"
    if not repair.statements:
        yield "--   nothing is written for it here\n"
    if repair.undo:
        yield f"--   to undo it: {_one_line(repair.undo)}\n"


def _as_comment(part: str) -> str:
    return indent(part, "-- ", lambda line: bool(line.strip()) and not line.startswith("--"))


def _one_line(text: str) -> str:
    """Join lines: names and definitions may contain line breaks, at which an SQL comment would end."""
    return " ".join(text.split())
