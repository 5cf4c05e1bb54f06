"""What env.py calls: every Alembic command on a project comes through here, and is safe because of what it calls."""

import io
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import surefoot.online  # noqa: F401  # registers op.create_index_online and the rest
from surefoot import autogenerate, settings
from surefoot.environment import revision_checks, run
from surefoot.program import set_project
from surefoot.project import Project


def main(project: Project, alembic: ModuleType) -> None:
    """Run the Alembic command that loaded env.py. `alembic` is `alembic.context`.

    The project is that of the folder of the alembic.ini that Alembic was given. Raises what a run raises; a person who
    typed the command reads one sentence, and the process ends with its exit status.
    """
    config = alembic.config
    folder = Path(config.config_file_name).parent if config.config_file_name else project.home
    project = project if folder == project.home else project.at(folder)
    set_project(project)
    with run.translated_errors(config):
        if alembic.is_offline_mode():
            _printed(project, alembic)
        elif revision_checks.needs_no_database(config):
            _without_a_database(project, alembic)
        else:
            _on_a_database(project, alembic)


def _configure(project: Project, alembic: ModuleType, **where: Any) -> None:
    alembic.configure(
        target_metadata=project.load_metadata(),
        transaction_per_migration=True,  # a failing revision leaves the one before it applied and recorded
        autogenerate_plugins=[autogenerate.PLUGIN],  # the whole catalogue, in the place of Alembic's own comparisons
        process_revision_directives=revision_checks.directives_hook(alembic.config),
        **where,
    )


def _printed(project: Project, alembic: ModuleType) -> None:
    """Print SQL that psql runs to the same schema; no connection, no lock, no journal."""
    revision_checks.refuse_long_ids(alembic.script)
    _configure(project, alembic, dialect_name="postgresql", literal_binds=True, dialect_opts={"paramstyle": "named"})
    run.prepare_offline(alembic.get_context(), project)
    with alembic.begin_transaction():
        alembic.run_migrations()


def _without_a_database(project: Project, alembic: ModuleType) -> None:
    """Write an empty or a merging revision, or show the history, which needs to look at no database."""
    revision_checks.check_before_writing(alembic.config, alembic.script)
    _configure(project, alembic, dialect_name="postgresql", as_sql=True, output_buffer=io.StringIO())
    alembic.run_migrations()


def _on_a_database(project: Project, alembic: ModuleType) -> None:
    url = alembic.get_x_argument(as_dictionary=True).get("database_url")
    with ExitStack() as stack:
        # No SQL may run on the connection before configure(): it would switch off the transaction per revision.
        command = run.Run(alembic.config, settings.load(project, database_url=url), stack)
        _configure(project, alembic, connection=command.connection, on_version_apply=command.applied, run=command)
        command.migrate(alembic)
