"""The page of every command, written from the commands themselves: docs/reference.md."""

import inspect
import re
from collections.abc import Iterator
from typing import cast

import typer
from typer.core import TyperCommand, TyperGroup

from ourschool.cli import commands as registered
from ourschool.project import PROJECT
from surefoot import cli, errors
from surefoot.cli.typer_program import application

Command = TyperCommand | TyperGroup
WRITTEN = "<!-- Written by `make docs` from the commands; a change here is lost. -->"
INTRODUCTION = (
    "`python -m ourschool --help` prints the list, and `--help` behind a command what is below. Without "
    "`--database-url` a command uses `DATABASE_URL` from the environment, else from `.env`; every other setting is "
    "explained in [.env.example](../.env.example). Alembic's own commands are in "
    "[MIGRATIONS.md](../MIGRATIONS.md#every-stock-command)."
)
OF_ERRORS = re.compile(r"[├└]── \w+ +(?P<status>\d)  (?P<meaning>.+)")
ABOUT_STATUS = re.compile(r"\b(exit )?status\b|\bexit \d", re.IGNORECASE)
OTHER_PROGRAMS = "the other program's own"


def page() -> str:
    """Return docs/reference.md: every command in the parts and the order of `--help`, then the exit statuses."""
    text = ["# Every command", "", WRITTEN, "", INTRODUCTION]
    root = cast("TyperGroup", typer.main.get_command(application(PROJECT, registered(), "")))
    part = ""
    for name in root.list_commands(typer.Context(root)):
        command = _command(root, name)
        if command.rich_help_panel != part:
            part = str(command.rich_help_panel)
            text += ["", f"## {part}"]
        for words, each in (((name,), command), *members(command, name)):
            text += section(words, each)
    return "\n".join([*text, "", *exit_statuses(), ""])


def _command(group: TyperGroup, name: str) -> Command:
    return cast("Command", group.get_command(typer.Context(group), name))


def members(command: Command, *above: str) -> Iterator[tuple[tuple[str, ...], Command]]:
    """Yield the commands of a group with their words: ("backup", "list")."""
    if isinstance(command, TyperGroup):
        for name in command.list_commands(typer.Context(command)):
            yield (*above, name), _command(command, name)


def section(words: tuple[str, ...], command: Command) -> Iterator[str]:
    """Yield the lines about a command: what it does, an example, its exit statuses, its arguments and options."""
    context = typer.Context(command)
    usage = " ".join(["python -m ourschool", *words, *command.collect_usage_pieces(context)])
    yield from ("", f"### {' '.join(words)}", "", "```", usage, "```")
    paragraphs = [" ".join(each.split()) for each in (command.help or "").split("\n\n")]
    examples = [each for each in paragraphs if each.startswith("Example: ")]
    for each in paragraphs:
        if each not in examples:
            yield from ("", _plain(each))
    for each in examples:
        yield from ("", f"Example: `python -m {each.removeprefix('Example: ')}`")
    yield from ("", f"Exit status: {_status(command, paragraphs)}.")
    rows = [record for each in command.get_params(context) if (record := each.get_help_record(context))]
    own = [(left, right) for left, right in rows if "--help" not in left]
    if own:
        yield from ("", "| argument or option | |", "|---|---|")
        yield from (f"| `{left.replace(' <bool>', '')}` | {_plain(right)} |" for left, right in own)


def _status(command: Command, paragraphs: list[str]) -> str:
    """Return the statuses of a command: 0, those that its help tells about, and those that all commands have."""
    if command.context_settings.get("allow_extra_args"):
        return f"{OTHER_PROGRAMS}; [3 or 4](#exit-statuses) where that cannot be started"
    said = [each for text in paragraphs for each in re.split(r"(?<=\.) ", text) if ABOUT_STATUS.search(each)]
    of_its_own = ", else as said above" if said else ""
    return f"0 when it is done{of_its_own}; 2 to 5 as [every command](#exit-statuses)"


def _plain(text: str) -> str:
    """Return a text of `--help` as Markdown, in which `|` and `<` stand for themselves."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def exit_statuses() -> Iterator[str]:
    """Yield the table of exit statuses, from the exceptions that have them."""
    yield from ("## Exit statuses", "", "| status | meaning |", "|---|---|", "| 0 | done |")
    for found in OF_ERRORS.finditer(inspect.getdoc(errors) or ""):
        yield f"| {found['status']} | {found['meaning']} |"
    yield f"| {cli.INTERRUPTED} | Ctrl-C; the text says how the database is left |"
    yield from (
        "",
        "After 4 the database is at the last good revision, or the same command goes on with what was begun, as after "
        "a window. Faults that Alembic finds before it reaches the database, such as an unknown option, have its own "
        "status, 2 or 255.",
    )
