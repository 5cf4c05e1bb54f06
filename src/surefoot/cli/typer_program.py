"""The Typer program of a project: each command's module is imported when that command runs."""

import ast
import difflib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from surefoot.project import Project

if TYPE_CHECKING:
    from surefoot.cli import Commands

LISTING = "surefoot.listing"
"""Key in a Click context's `meta`: the commands are only listed, so none of their modules is needed."""


def application(project: Project, commands: "Commands", about: str) -> typer.Typer:
    """Return the program. It imports only the module of the command that runs."""
    app = typer.Typer(
        cls=_lazy_group(project, commands),
        help=f"{about}\n\nExample: {project.name} status",
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    def show_versions(asked: bool) -> None:
        if asked:
            typer.echo(_versions(project))
            raise typer.Exit

    @app.callback()
    def group(
        version: Annotated[  # it is told before anything else is read
            bool, typer.Option("--version", is_eager=True, callback=show_versions, help="Show the versions and exit.")
        ] = False,
        debug: Annotated[  # taken before, wherever it stands
            bool, typer.Option("--debug", help="Show the statement and the server's DETAIL of an error.")
        ] = False,
    ) -> None:
        """Migrations are run with python -m alembic; this command has what Alembic has no word for."""

    return app


def _lazy_group(project: Project, commands: "Commands") -> type[TyperGroup]:
    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # as Click calls it
            return list(commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            if cmd_name not in commands:
                return None
            if ctx.meta.get(LISTING):
                return _listed_command(project, cmd_name, *commands[cmd_name])
            return _command(project, cmd_name, *commands[cmd_name])

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if args and args[0] not in commands and (near := difflib.get_close_matches(args[0], commands)):
                ctx.fail(f"No such command '{args[0]}'. Did you mean '{near[0]}'?")
            return super().resolve_command(ctx, args)

        def format_help(self, ctx: Any, formatter: Any) -> None:
            ctx.meta[LISTING] = True
            super().format_help(ctx, formatter)

    return LazyGroup


def _versions(project: Project) -> str:
    """Return what a report of a fault has to say first."""
    libraries = (f"{name} {importlib.metadata.version(name)}" for name in ("alembic", "sqlalchemy", "psycopg"))
    own = f"{project.name} {project.version}".strip()
    return f"{own} ({', '.join(libraries)}, Python {platform.python_version()})"


def _listed_command(project: Project, name: str, place: str, options: Mapping[str, Any]) -> TyperCommand:
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
    command = TyperCommand(name, help=text, rich_help_panel=options.get("rich_help_panel"))
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
