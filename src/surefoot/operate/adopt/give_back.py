"""What a repair set aside, given back where no revision needs its name: not every change of mind is a way down."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.catalogue import revision_names
from surefoot.catalogue.revision_names import TABLE_SCOPED
from surefoot.environment import alembic_api
from surefoot.online import retired_registry
from surefoot.online.executor import Steps
from surefoot.online.retire import displaced_objects
from surefoot.online.retired_registry import RetiredItem
from surefoot.program import program
from surefoot.runtime.migrator_lock import only_migrator
from surefoot.runtime.session import backend_pid, server_settings
from surefoot.settings import Settings


@dataclass(frozen=True)
class GivenBack:
    """What has its name back, and what stays set aside with the reason."""

    back: tuple[str, ...]
    stays: tuple[tuple[str, str], ...]


def give_back(settings: Settings, url: URL) -> GivenBack:
    """Give each thing its name back that a repair set aside, but for those whose names a revision that has run makes.

    All in one transaction under the migrators' lock. Raises what `database.explain` makes.
    """
    engine = database.engine_for(url, application_name=f"{program()} adopt", options=server_settings(settings))
    script = alembic_api.script(settings)
    try:
        with engine.connect() as first, engine.connect() as connection:
            beside = first.execution_options(isolation_level="AUTOCOMMIT")
            with only_migrator(beside, settings.migrator_deadline, backend_pid(connection)):
                connection.rollback()
                return _given_back(connection, script)
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault


def _given_back(connection: Connection, script: ScriptDirectory) -> GivenBack:
    with connection.begin():
        taken = _made(script, MigrationContext.configure(connection).get_current_heads())
        waiting = [
            each
            for each in retired_registry.all_items(connection)[::-1]
            if each.direction == retired_registry.DISPLACED
        ]
        free = [each for each in waiting if _name(each) not in taken]
        steps = Steps(Operations(MigrationContext.configure(connection)))
        left = {thing.id: why for thing, why in displaced_objects.restore(steps, free)}
    stays = [(each.label, left.get(each.id) or f"the way down past {each.revision} gives its name back")
             for each in waiting if each not in free or each.id in left]  # fmt: skip
    return GivenBack(tuple(each.label for each in free if each.id not in left), tuple(stays))


def _made(script: ScriptDirectory, at: tuple[str, ...]) -> set[tuple[str, str]]:
    """The names that the revisions up to `at` make, of a column with its table."""
    behind = list(script.iterate_revisions(at, "base", inclusive=True)) if at else []
    known = revision_names.read(Path(script.dir), behind)
    return {(each.on if each.kind in TABLE_SCOPED else "", each.name) for one in known.values() for each in one.made}


def _name(thing: RetiredItem) -> tuple[str, str]:
    if thing.column:
        return thing.table, thing.column
    return "", thing.table + str(thing.definitions.get("arguments", ""))
