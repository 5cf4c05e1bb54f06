"""The one door to the database: every Alembic command comes through here, and is safe because of what it calls."""

import io
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from alembic import context

import surefoot.online  # noqa: F401  # registers op.create_index_online and the rest
from ourschool.models import metadata
from surefoot import autogenerate, settings
from surefoot.environment import revision_checks
from surefoot.environment import run as environment

config = context.config
folder = Path(config.config_file_name or Path(__file__).parents[1] / "alembic.ini").parent


def configure(**where: Any) -> None:
    context.configure(
        target_metadata=metadata,
        transaction_per_migration=True,  # a failing revision leaves the one before it applied and recorded
        autogenerate_plugins=[autogenerate.PLUGIN],  # the whole catalogue, in the place of Alembic's own comparisons
        process_revision_directives=revision_checks.process(config),
        **where,
    )


def offline() -> None:
    """Print SQL that psql runs to the same schema; no connection, no lock, no journal."""
    revision_checks.fitting_ids(context.script)
    configure(dialect_name="postgresql", literal_binds=True, dialect_opts={"paramstyle": "named"})
    environment.printing(context.get_context())
    with context.begin_transaction():
        context.run_migrations()


def without_a_database() -> None:
    """Write an empty or a merging revision, or show the history, which needs to look at no database."""
    revision_checks.before_a_file(config, context.script)
    configure(dialect_name="postgresql", as_sql=True, output_buffer=io.StringIO())
    context.run_migrations()


def online() -> None:
    with ExitStack() as stack:
        # No SQL may run on the connection before configure(): it would switch off the transaction per revision.
        run = environment.Run(config, settings.load(folder, database_url=url_option()), stack)
        configure(connection=run.connection, on_version_apply=run.applied, run=run)
        run.migrate(context)


def url_option() -> str | None:
    return context.get_x_argument(as_dictionary=True).get("database_url")


with environment.reporting(config):
    if context.is_offline_mode():
        offline()
    elif revision_checks.needs_no_database(config):
        without_a_database()
    else:
        online()
