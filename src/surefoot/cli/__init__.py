"""The command-line program of a project: commands are parsed and printed here, and imported when they are used."""

import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from surefoot import silence
from surefoot.cli import context
from surefoot.errors import SurefootError
from surefoot.process_end import collect_seldom, end_quickly
from surefoot.project import Project

PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": ["--help"]}
Commands = Mapping[str, tuple[str, Mapping[str, Any]]]
"""By name the place of each command as `module:function`, and Typer's options for it, in the order of `--help`.

The option `rich_help_panel` names the part of `--help` that lists it.
"""
LOOK, AT_WORK, BACKUPS, WRITE, PROGRAMS = (
    "See where the database stands", "Change the database", "Backups", "Write revisions", "Other programs",
)  # fmt: skip
"""The parts of `--help`, by what somebody wants to do."""
COMMANDS: Commands = {
    "status": ("surefoot.cli.status:show_status", {"rich_help_panel": LOOK}),
    "history": ("surefoot.cli.history:show_history", {"rich_help_panel": LOOK}),
    "identify": ("surefoot.cli.identify:identify_database", {"rich_help_panel": LOOK}),
    "rehearse": ("surefoot.cli.rehearse:rehearse_upgrade", {"rich_help_panel": AT_WORK}),
    "upgrade": ("surefoot.cli.upgrade_rollback_purge:upgrade", {"rich_help_panel": AT_WORK}),
    "rollback": (
        "surefoot.cli.upgrade_rollback_purge:rollback",
        {"rich_help_panel": AT_WORK, "context_settings": {"ignore_unknown_options": True}},
    ),
    "work": ("surefoot.cli.work:work", {"rich_help_panel": AT_WORK}),
    "ensure": ("surefoot.cli.ensure:ensure", {"rich_help_panel": AT_WORK}),
    "adopt": ("surefoot.cli.adopt:adopt_database", {"rich_help_panel": AT_WORK}),
    "purge": ("surefoot.cli.upgrade_rollback_purge:purge", {"rich_help_panel": AT_WORK}),
    "backup": ("surefoot.cli.backup:app", {"rich_help_panel": BACKUPS}),
    "restore": ("surefoot.cli.restore:restore_backup", {"rich_help_panel": BACKUPS}),
    "new": ("surefoot.cli.author_commands:new", {"rich_help_panel": WRITE}),
    "prove": ("surefoot.cli.author_commands:prove", {"rich_help_panel": WRITE}),
    "lint": ("surefoot.cli.lint:lint_revisions", {"rich_help_panel": WRITE}),
    "check": ("surefoot.cli.author_commands:check", {"rich_help_panel": WRITE}),
    "rebase": ("surefoot.cli.author_commands:rebase", {"rich_help_panel": WRITE}),
    "psql": ("surefoot.cli.programs:psql", {"rich_help_panel": PROGRAMS, "context_settings": PASS_THROUGH}),
    "pg_dump": ("surefoot.cli.programs:pg_dump", {"rich_help_panel": PROGRAMS, "context_settings": PASS_THROUGH}),
    "alembic": (
        "surefoot.cli.programs:alembic",
        {"rich_help_panel": PROGRAMS, "context_settings": PASS_THROUGH | {"allow_interspersed_args": False}},
    ),
}
"""The engine's own commands, to which a project may add. A place that holds a Typer is a group of commands."""


DEBUG = "--debug"
PASSED_ON = frozenset({"psql", "pg_dump", "alembic"})
"""Programs of others, which speak for themselves."""
INTERRUPTED = 130
"""The exit status after Ctrl-C, as a shell has it."""


def main(project: Project, commands: Commands = COMMANDS, about: str = "") -> None:
    """Run the command line of `project`; an expected error ends it with one sentence, a remedy and an exit status.

    `about` is the sentence above the list of commands in `--help`. `ensure` stands before every start of an
    application: with its usual options it does not wait for Typer, which loads 250 modules.
    """
    context.use_project(project)
    end_quickly()
    collect_seldom()
    _take_debug(project)
    try:
        if sys.argv[1:2] == ["ensure"]:
            _ensure_without_typer(sys.argv[2:])
        from surefoot.cli.typer_program import application  # noqa: PLC0415  # as the docstring says

        if PASSED_ON.intersection(sys.argv[1:2]):
            application(project, commands, about)()
        with silence.ended("the database answers"):
            application(project, commands, about)()
    except SurefootError as fault:
        _exit(fault)
    except KeyboardInterrupt:  # of `ensure`, and of what is loaded before Typer, which has its own way
        sys.stderr.write(f"{project.name}: Interrupted while no revision was running.\n")
        sys.exit(INTERRUPTED)
    except Exception as fault:
        # any command that loads the revisions may meet one that Python cannot import
        from surefoot.runtime import error_translation  # noqa: PLC0415  # `ensure` must not load it for nothing

        foreseen = error_translation.translate_known(fault, None)
        if foreseen is None:
            raise
        _exit(foreseen)


def _take_debug(project: Project) -> None:
    """Take `--debug` out of the arguments, wherever it stands, but for programs that get theirs unread."""
    if DEBUG in sys.argv[1:] and not {"psql", "pg_dump"}.intersection(sys.argv[1:2]):
        sys.argv[1:] = [each for each in sys.argv[1:] if each != DEBUG]
        os.environ[f"{project.prefix}DEBUG"] = "yes"


def _ensure_without_typer(arguments: list[str]) -> None:
    from surefoot.cli import ensure_run  # noqa: PLC0415  # no other command needs it

    options = ensure_run.usual_options(arguments)
    if options is not None:
        with silence.ended("the database answers"):
            status = ensure_run.run(context.load_settings(), **options)
        sys.exit(status)


def _exit(fault: SurefootError) -> NoReturn:
    from surefoot import error_output  # noqa: PLC0415  # only where something is wrong

    error_output.write(fault)
    sys.exit(fault.status)
