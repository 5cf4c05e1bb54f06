"""A database brought to head through Alembic's own command, for an application that starts."""

import logging

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from surefoot.errors import RefusedError
from surefoot.operate.ensure import Ensured, WhenBehind
from surefoot.project import Project
from surefoot.runtime import interrupted_run, preconditions
from surefoot.runtime.interrupted_run import CutOff


def to_head(connection: Connection, project: Project, when_behind: WhenBehind) -> Ensured:
    """Apply what is pending, or raise what `ensure_current` says. Called by one thread at a time."""
    log = logging.getLogger(project.name)
    config = Config(str(project.ini))
    script = ScriptDirectory.from_config(config)
    before = _heads(connection)
    preconditions.refuse_unknown_revision(script, before)
    pending = _pending(script, before)
    begun = _unfinished(connection, script, before)
    # of a way down that was cut off, Alembic's command knows whether anything is missing
    if begun is not None and when_behind == "refuse" and (begun.direction == "upgrade" or begun.running):
        raise RefusedError(begun.message, begun.remedy)
    if pending and when_behind == "refuse":
        raise RefusedError(
            f"The database stands at {' and '.join(before) or 'no revision'}, and {len(pending)} revisions are "
            f"pending: {', '.join(pending[:5])}{' …' if len(pending) > 5 else ''}.",
            "Run python -m alembic upgrade head, then start the application again.",
        )
    if not before:
        log.info("Creating a new database at %s.", script.get_current_head())
    if begun is not None:
        log.info("%s", begun.message)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return Ensured(" and ".join(_heads(connection)), tuple(pending))


def _unfinished(connection: Connection, script: ScriptDirectory, heads: tuple[str, ...]) -> CutOff | None:
    outside = not connection.in_transaction()
    found = interrupted_run.find(connection, script, heads)
    if outside:
        connection.rollback()
    return found


def _heads(connection: Connection) -> tuple[str, ...]:
    outside = not connection.in_transaction()
    heads = MigrationContext.configure(connection).get_current_heads()
    if outside:
        connection.rollback()
    return heads


def _pending(script: ScriptDirectory, heads: tuple[str, ...]) -> list[str]:
    """What lies between `heads` and head, oldest first."""
    there = {each.revision for each in script.iterate_revisions(heads, "base")} if heads else set()
    return [each.revision for each in script.walk_revisions() if each.revision not in there][::-1]
