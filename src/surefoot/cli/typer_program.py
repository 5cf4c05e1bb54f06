"""The Typer program of a project: each command's module is imported when that command runs."""

import ast
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from surefoot.project import Project

if TYPE_CHECKING:
    from surefoot.cli import Commands

LISTING = "surefoot.listing"
"""Key in a Click context's `meta`: the commands are only listed, so none of their modules is needed."""


def application(project: Project, commands: "Commands", about: str) -> typer.Typer:
    """Return the program. It imports only the module of the command that runs."""

    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # as Click calls it
            return list(commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            if cmd_name not in commands:
                return None
            if ctx.meta.get(LISTING):
                return _listed_command(project, cmd_name, commands[cmd_name][0])
            return _command(project, cmd_name, *commands[cmd_name])

        def format_help(self, ctx: Any, formatter: Any) -> None:
            ctx.meta[LISTING] = True
            super().format_help(ctx, formatter)

    app = typer.Typer(
        cls=LazyGroup,
        help=f"{about}\n\nExample: {project.name} status",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def group() -> None:
        """Migrations are run with python -m alembic; this command has what Alembic has no word for."""

    return app


def _listed_command(project: Project, name: str, place: str) -> TyperCommand:
    """Return a command that has only its help, for the list of all: read from the source, which is not imported."""
    module, _, function = place.partition(":")
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    text = None
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and (node.name == function or _is_callback(node, function)):
            text = ast.get_docstring(node)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == function:  # a family of commands
            keywords = node.value.keywords if isinstance(node.value, ast.Call) else []
            text = next((ast.literal_eval(each.value) for each in keywords if each.arg == "help"), None)
    command = TyperCommand(name, help=text)
    _name_in_help(command, project)
    return command


def _is_callback(node: ast.FunctionDef, family: str) -> bool:
    return any(ast.unparse(each).startswith(f"{family}.callback(") for each in node.decorator_list)


def _command(project: Project, name: str, place: str, options: Mapping[str, Any]) -> Any:
    module, _, function = place.partition(":")
    found = getattr(importlib.import_module(module), function)
    if isinstance(found, typer.Typer):
        command = typer.main.get_command(found)
    else:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command(name, **options)(found)
        command = typer.main.get_command(app)
    command.name = name
    _name_in_help(command, project)
    return command


def _name_in_help(command: Any, project: Project) -> None:
    """Replace `surefoot` in the help by the project's program, and SUREFOOT_ by its prefix."""
    for attribute in ("help", "short_help", "epilog"):
        text = getattr(command, attribute, None)
        if text:
            setattr(
                command, attribute, text.replace("SUREFOOT_", project.prefix).replace("surefoot ", f"{project.name} ")
            )
    for each in getattr(command, "commands", {}).values():
        _name_in_help(each, project)
