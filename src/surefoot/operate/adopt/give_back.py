"""`adopt --give-back` restores what a repair retired, as far as no revision that has run needs its name."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL

from surefoot.catalogue import revision_names
from surefoot.catalogue.revision_names import TABLE_SCOPED
from surefoot.environment import alembic_api
from surefoot.online import retired_registry
from surefoot.online.executor import Steps
from surefoot.online.retire import displaced_objects
from surefoot.online.retired_registry import RetiredItem
from surefoot.operate.migrator_connection import connect_as_migrator
from surefoot.program import program
from surefoot.runtime import journal
from surefoot.settings import Settings


@dataclass(frozen=True)
class GivenBack:
    """The objects that were restored, and those that were not, each with the reason."""

    restored: tuple[str, ...]
    kept: tuple[tuple[str, str], ...]


def give_back(settings: Settings, url: URL) -> GivenBack:
    """Restore each object that a repair retired, except those whose names a revision that has run creates.

    This is one transaction under the migrators' lock, which leaves a line in the journal. Raises what
    `connect_as_migrator` raises.
    """
    script, started_at = alembic_api.script(settings), dt.datetime.now(dt.UTC)
    with connect_as_migrator(settings, url, f"{program()} adopt") as connection, connection.begin():
        used_names = _created_names(script, MigrationContext.configure(connection).get_current_heads())
        retired = [
            item
            for item in retired_registry.all_items(connection)[::-1]
            if item.direction == retired_registry.DISPLACED
        ]
        free = [item for item in retired if _original_name(item) not in used_names]
        steps = Steps(Operations(MigrationContext.configure(connection)))
        failed = {item.id: why for item, why in displaced_objects.restore(steps, free)}
        restored = [item.label for item in free if item.id not in failed]
        if restored:
            journal.record(connection, "give back", ", ".join(restored), started_at, settings.project.version)
    kept = [(item.label, failed.get(item.id) or f"the way down past {item.revision} gives its name back")
             for item in retired if item not in free or item.id in failed]  # fmt: skip
    return GivenBack(tuple(restored), tuple(kept))


def _created_names(script: ScriptDirectory, at: tuple[str, ...]) -> set[tuple[str, str]]:
    """Return the names that the revisions up to `at` create: of a column with its table, of anything else with ""."""
    applied = list(script.iterate_revisions(at, "base", inclusive=True)) if at else []
    names = revision_names.read(Path(script.dir), applied)
    return {
        (item.on if item.kind in TABLE_SCOPED else "", item.name)
        for revision in names.values()
        for item in revision.made
    }


def _original_name(item: RetiredItem) -> tuple[str, str]:
    if item.column:
        return item.table, item.column
    return "", item.table + str(item.definitions.get("arguments", ""))
