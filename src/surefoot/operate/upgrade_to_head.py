"""Upgrades a database to head through Alembic's own command, for an application that starts."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from surefoot import readonly, search_path
from surefoot.errors import RefusedError
from surefoot.operate.ensure import Ensured, WhenBehind
from surefoot.program import alembic_command
from surefoot.project import Project
from surefoot.runtime import error_translation, interrupted_run, kept_revisions, preconditions
from surefoot.wording import counted


def to_head(connection: Connection, project: Project, when_behind: WhenBehind) -> Ensured:
    """Apply the pending revisions. Raises what `ensure_current` raises. Only one thread may call this at a time."""
    try:
        with search_path.put_first(connection, search_path.tables_of(project)):
            return _to_head(connection, project, when_behind)
    except Exception as fault:
        known = error_translation.translate_known(fault, None)  # two heads, a file that is not Python …
        if known is None or known is fault:
            raise
        raise known from fault


def _to_head(connection: Connection, project: Project, when_behind: WhenBehind) -> Ensured:
    log = logging.getLogger(project.name)
    config = Config(str(project.ini))
    script = ScriptDirectory.from_config(config)
    script.get_current_head()  # raises where there are several
    with _transaction_as_before(connection):
        heads = readonly.heads(connection)
        newer = kept_revisions.read(connection, script, heads)
        if newer is not None:
            if not newer.usable:
                raise newer.refusal()
            return Ensured(" and ".join(heads), newer=newer.sentence)
        preconditions.refuse_unknown_revision(script, heads)
        cut_off = interrupted_run.find(connection, script, heads)
    pending = _pending(script, heads)
    # an unfinished downgrade is left to Alembic's command, which knows whether the database lacks anything
    if cut_off is not None and when_behind == "refuse" and (cut_off.direction == "upgrade" or cut_off.running):
        raise RefusedError(cut_off.message, cut_off.remedy)
    if pending and when_behind == "refuse":
        raise RefusedError(
            f"The database is at {' and '.join(heads) or 'no revision'}, and "
            f"{counted(len(pending), 'revision')} {'is' if len(pending) == 1 else 'are'} pending: "
            f"{', '.join(pending[:5])}{' ...' if len(pending) > 5 else ''}.",
            f"Run {alembic_command()} upgrade head, then start the application again.",
        )
    if not heads:
        log.info("Creating a new database at %s.", script.get_current_head())
    if cut_off is not None:
        log.info("%s", cut_off.message)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    with _transaction_as_before(connection):
        return Ensured(" and ".join(readonly.heads(connection)), tuple(pending))


@contextmanager
def _transaction_as_before(connection: Connection) -> Iterator[None]:
    """End the transaction that reading begins, unless the caller had one open."""
    outside = not connection.in_transaction()
    try:
        yield
    finally:
        if outside:
            connection.rollback()


def _pending(script: ScriptDirectory, heads: tuple[str, ...]) -> list[str]:
    """Return the revisions between `heads` and head, oldest first."""
    applied = {each.revision for each in script.iterate_revisions(heads, "base")} if heads else set()
    return [each.revision for each in script.walk_revisions() if each.revision not in applied][::-1]
