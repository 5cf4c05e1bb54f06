"""The command `ourschool`: parse, call, print; the work is done elsewhere."""

import importlib
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from surefoot.errors import SurefootError

PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}
COMMANDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "adopt": ("adopt:adopt_database", {}),
    "identify": ("identify:identify_database", {}),
    "status": ("status:show_status", {}),
    "history": ("history:show_history", {}),
    "rehearse": ("rehearse:rehearse_upgrade", {}),
    "upgrade": ("change:upgrade", {}),
    "rollback": ("change:rollback", {"context_settings": {"ignore_unknown_options": True}}),
    "purge": ("change:purge", {}),
    "backup": ("backup:app", {}),
    "restore": ("restore:restore_backup", {}),
    "ensure": ("ensure:ensure", {}),
    "new": ("revisions:new", {}),
    "prove": ("revisions:prove", {}),
    "check": ("revisions:check", {}),
    "admin": ("admin:app", {}),
    "reset": ("reset:reset", {}),
    "seed": ("seed:seed_school", {}),
    "lint": ("lint:lint_revisions", {}),
    "psql": ("programs:psql", {"context_settings": PASS_THROUGH}),
    "pg_dump": ("programs:pg_dump", {"context_settings": PASS_THROUGH}),
    "alembic": ("programs:alembic", {"context_settings": PASS_THROUGH | {"allow_interspersed_args": False}}),
}
"""Each command's module and function in this package, in the order of `--help`; a Typer for a family of commands."""


class Lazily(TyperGroup):
    """Imports the module of the one command that was asked for: `ourschool ensure` stands before every start."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # as Click calls it
        """In the order of the table above."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command, or None for a name that is none."""
        if cmd_name not in COMMANDS:
            return None
        (place, options), app = COMMANDS[cmd_name], typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        module, _, function = place.partition(":")
        found = getattr(importlib.import_module(f"surefoot.cli.{module}"), function)
        if isinstance(found, typer.Typer):
            command = typer.main.get_command(found)
        else:
            app.command(cmd_name, **options)(found)
            command = typer.main.get_command(app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Lazily,
    help="The database of a school, kept right for years.\n\nExample: ourschool status",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def ourschool() -> None:
    """Migrations are run with python -m alembic; this command has what Alembic has no word for."""


def main() -> None:
    """Run the command; a foreseen fault is one sentence, a remedy and its exit status."""
    try:
        app()
    except SurefootError as fault:
        _end(fault)
    except Exception as fault:
        # a revision file that Python cannot run comes up wherever the revisions are first needed
        from surefoot.runtime import error_translation  # noqa: PLC0415  # `ensure` must not load it for nothing

        foreseen = error_translation.foreseen(fault, None)
        if foreseen is None:
            raise
        _end(foreseen)


def _end(fault: SurefootError) -> NoReturn:
    sys.stderr.write(f"ourschool: {fault}\n")
    sys.exit(fault.status)
