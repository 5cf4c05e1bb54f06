"""Configures Alembic for one command, and runs it: on a database, without one, or as SQL that is printed."""

import io
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import surefoot.online  # noqa: F401  # registers op.create_index_online and the rest
from surefoot import autogenerate, settings
from surefoot.environment import revision_checks, run
from surefoot.environment.models_on_demand import ModelsOnDemand
from surefoot.environment.offline_run import prepare_offline
from surefoot.project import Project


def run_command(project: Project, alembic: ModuleType) -> None:
    """Run the Alembic command that loaded env.py on `project`. `alembic` is `alembic.context`.

    Raises what a run raises.
    """
    if alembic.is_offline_mode():
        _print_sql(project, alembic)
    elif revision_checks.needs_no_database(alembic.config):
        _without_a_database(project, alembic)
    else:
        _on_a_database(project, alembic)


def _configure(project: Project, alembic: ModuleType, **where: Any) -> None:
    alembic.configure(
        target_metadata=ModelsOnDemand(project.load_metadata, project.naming_convention),
        transaction_per_migration=True,  # a failing revision leaves the one before it applied and recorded
        autogenerate_plugins=[autogenerate.PLUGIN],  # compares the whole catalogue, in place of Alembic's own plugins
        process_revision_directives=revision_checks.directives_hook(alembic.config),
        **where,
    )


def _print_sql(project: Project, alembic: ModuleType) -> None:
    """Print SQL by which psql makes the same schema, without a connection, a lock or a journal."""
    revision_checks.refuse_long_ids(alembic.script)
    _configure(project, alembic, dialect_name="postgresql", literal_binds=True, dialect_opts={"paramstyle": "named"})
    prepare_offline(alembic.get_context(), project)
    with alembic.begin_transaction():
        alembic.run_migrations()


def _without_a_database(project: Project, alembic: ModuleType) -> None:
    """Write an empty or a merge revision, or show the history: commands that need no database."""
    revision_checks.check_before_writing(alembic.config, alembic.script)
    _configure(project, alembic, dialect_name="postgresql", as_sql=True, output_buffer=io.StringIO())
    alembic.run_migrations()


def _on_a_database(project: Project, alembic: ModuleType) -> None:
    url = alembic.get_x_argument(as_dictionary=True).get("database_url")
    with ExitStack() as stack:
        # no SQL may run on the connection before configure(): it would turn transaction_per_migration off
        command = run.Run(alembic.config, settings.load(project, database_url=url), stack)
        _configure(project, alembic, connection=command.connection, on_version_apply=command.applied, run=command)
        command.migrate(alembic)
