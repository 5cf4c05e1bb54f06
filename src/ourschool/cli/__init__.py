"""The command `ourschool`: the engine's commands and the school's own."""

from ourschool.project import PROJECT
from surefoot import cli

OF_SCHOOLS = {"rich_help_panel": "Schools"}
SCHOOL: cli.Commands = {
    "admin": ("ourschool.cli.admin_command:app", OF_SCHOOLS),
    "seed": ("ourschool.cli.seed_command:seed_school", OF_SCHOOLS),
    "reset": ("ourschool.cli.reset_command:reset", OF_SCHOOLS),
}
LAST = ("psql", "pg_dump", "alembic")
"""The engine's commands that `--help` lists below the school's own."""


def commands() -> cli.Commands:
    """Return all commands in the order of `--help`."""
    first = {name: command for name, command in cli.COMMANDS.items() if name not in LAST}
    return {**first, **SCHOOL, **{name: cli.COMMANDS[name] for name in LAST}}


def main() -> None:
    """Run the command line."""
    cli.main(PROJECT, commands(), "The database of a school, kept right for years.")
