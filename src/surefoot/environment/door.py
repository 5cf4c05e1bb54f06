"""The entry point for env.py: every Alembic command on a project goes through `main`.

What is imported here stands before every deploy that has nothing to do; the rest waits until it is needed.
"""

import sys
from pathlib import Path
from types import ModuleType

from alembic.config import main as alembic_main

from surefoot.environment import nothing_to_do
from surefoot.environment.error_reporting import translated_errors
from surefoot.process_end import end_quickly
from surefoot.program import set_project
from surefoot.project import Project


def main(project: Project, alembic: ModuleType) -> None:
    """Run the Alembic command that loaded env.py. `alembic` is `alembic.context`.

    The project is the copy in the folder of alembic.ini, if that is another one than the project's own; see
    `Project.at`. Raises what a run raises; on the command line the message is printed and SystemExit raised instead.
    """
    config = alembic.config
    folder = Path(config.config_file_name).parent.absolute() if config.config_file_name else project.home
    if (folder / "env.py").is_file():
        folder = folder.parent  # the alembic.ini inside, for programs that look for one there
    project = project if folder == project.home else project.at(folder)
    set_project(project)
    if getattr(sys.modules["__main__"], "main", None) is alembic_main:  # this process is `alembic …`, and nothing else
        end_quickly()
    with translated_errors(config):
        if nothing_to_do.answered(project, alembic):
            return
        from surefoot.environment import configured_command  # noqa: PLC0415  # as the module's docstring says

        configured_command.run_command(project, alembic)
