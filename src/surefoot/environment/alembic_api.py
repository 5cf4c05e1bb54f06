"""Runs Alembic's own commands in this process on a given database, through env.py like every other command."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep, RevisionStep, StampStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import URL

from surefoot import database
from surefoot.errors import CheckFailed
from surefoot.private_members import steps_down
from surefoot.program import program
from surefoot.runtime.session import server_settings
from surefoot.settings import Settings


@contextmanager
def configured(
    settings: Settings, url: URL, *, application_name: str | None = None, snapshot: bool = True, later: bool = False
) -> Iterator[Config]:
    """Yield a configuration whose commands work on `url` over one connection, which is closed at the end.

    Without `snapshot` an empty database runs every revision, even where the snapshot that comes with them would do.
    With `later` its revisions may leave work for `surefoot work`; else they do all at once, as scratch databases need.
    Raises ConnectFailed and the other errors of `database.explain`.
    """
    engine = database.engine_for(url, application_name=application_name or program(), options=server_settings(settings))
    try:
        opened = engine.connect()
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault
    with opened as connection:
        config = Config(str(settings.project.ini), stdout=io.StringIO())
        config.attributes["connection"] = connection
        config.attributes["snapshot"] = snapshot
        config.attributes["later"] = later
        yield config


def drift(config: Config) -> tuple[str, ...]:
    """Return the differences between the database, which must be at head, and the models: a line for each."""
    config.attributes["command"] = "check"
    try:
        command.check(config)
    except CheckFailed as fault:
        return tuple(fault.message.split("\n  ")[1:])
    finally:
        del config.attributes["command"]
    return ()


def run(config: Config, revisions: ScriptDirectory, steps: Sequence[RevisionStep]) -> None:
    """Run exactly these steps. Raises what a migration raises."""
    target = steps[-1].revision.revision
    with EnvironmentContext(config, revisions, fn=lambda *_: list(steps), destination_rev=target):
        revisions.run_env()


def downgrade(config: Config, revisions: ScriptDirectory, target: str) -> None:
    """Do what `alembic downgrade` does, with these revisions. Raises what a migration raises."""

    def downgrade(heads: tuple[str, ...], _: object) -> list[RevisionStep | StampStep]:  # its name is the command's
        return steps_down(revisions, target, heads)

    with EnvironmentContext(config, revisions, fn=downgrade, destination_rev=target):
        revisions.run_env()


def run_one(config: Config, revisions: ScriptDirectory, revision: Script, *, upgrade: bool) -> None:
    """Run one revision up or down, with files that are loaded already. Raises what a migration raises."""
    step = MigrationStep.upgrade_from_script if upgrade else MigrationStep.downgrade_from_script
    run(config, revisions, [step(revisions.revision_map, revision)])


def script(settings: Settings) -> ScriptDirectory:
    """Return the revisions of the project."""
    return ScriptDirectory.from_config(Config(str(settings.project.ini), stdout=io.StringIO()))
