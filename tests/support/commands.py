"""Tells which commands and options `ourschool` and Alembic have, for tests that compare documents with them."""

import shlex
from collections.abc import Iterator
from typing import cast

import typer
from alembic.config import CommandLine
from typer.core import TyperArgument, TyperCommand, TyperGroup

from ourschool.cli import commands as ours
from ourschool.project import PROJECT
from surefoot.cli.typer_program import application

Command = TyperCommand | TyperGroup
ROOT_COMMAND = cast("Command", typer.main.get_command(application(PROJECT, ours(), "")))
PASSED_THROUGH = frozenset({"psql", "pg_dump", "alembic"})
"""Commands that pass their options to another program."""


def commands(group: Command = ROOT_COMMAND, *above: str) -> Iterator[tuple[tuple[str, ...], Command]]:
    """Yield every command with its words, groups and their members alike: ("backup",), ("backup", "list") …"""
    if not isinstance(group, TyperGroup):
        return
    context = typer.Context(group)
    for name in group.list_commands(context):
        command = cast("Command", group.get_command(context, name))
        yield (*above, name), command
        yield from commands(command, *above, name)


def exists(program: str, rest: str) -> bool:
    """Return whether `rest` begins with a command of the program, and has only options of that command."""
    words = shlex.split(rest.replace("…", "x").strip(" ."), comments=True)
    return _alembic_has(words) if program == "alembic" else _ourschool_has(words)


def _ourschool_has(words: list[str]) -> bool:
    known = dict(commands())
    path = tuple(words[:2]) if tuple(words[:2]) in known else tuple(words[:1])
    if path not in known:
        return False
    command = known[path]
    if isinstance(command, TyperGroup) and not command.params and len(words) > 1:
        return False  # a word that is no member of the group
    if path[0] in PASSED_THROUGH:
        return True
    options = {opt for param in command.params for opt in (*param.opts, *param.secondary_opts)} | {"--help"}
    used = {word.partition("=")[0] for word in words[len(path) :] if word.startswith("--")}
    takes_words = any(isinstance(param, TyperArgument) for param in command.params)
    has_words = len(words) > len(path) and not words[len(path)].startswith("-")
    return used <= options and (takes_words or not has_words)


def _alembic_has(words: list[str]) -> bool:
    try:
        CommandLine().parser.parse_args(words)
    except SystemExit as end:
        return end.code == 0
    return True
