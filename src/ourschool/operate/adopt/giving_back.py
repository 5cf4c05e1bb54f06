"""What a repair set aside, given back where no revision needs its name: not every change of mind is a way down."""

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL

from ourschool import database
from ourschool.migrate.lock import only_migrator
from ourschool.migrate.online import things
from ourschool.migrate.online.retire import others
from ourschool.migrate.online.retire.dependents import called
from ourschool.migrate.online.things import Thing
from ourschool.migrate.session import backend_pid, server_settings
from ourschool.operate import alembic_here
from ourschool.operate.looking import heads
from ourschool.schema import names
from ourschool.schema.names import HANGING
from ourschool.settings import Settings


def give_back(settings: Settings, url: URL) -> tuple[list[str], list[tuple[str, str]]]:
    """Give each thing its name back that a repair set aside, but for those whose names a revision that has run makes.

    All in one transaction under the migrators' lock. Returns what is back, and what stays set aside with the reason.
    """
    engine = database.engine_for(url, application_name="ourschool adopt", options=server_settings(settings))
    script = alembic_here.script(settings)
    with database.explained(url), engine.connect() as first, engine.connect() as connection:
        beside = first.execution_options(isolation_level="AUTOCOMMIT")
        with only_migrator(beside, settings.migrator_deadline, backend_pid(connection)):
            connection.rollback()
            context = MigrationContext.configure(connection)
            with connection.begin():
                made = _made(script, heads(connection))
                waiting = [each for each in things.listed(connection)[::-1] if each.direction == things.FOR_OTHERS]
                free = [each for each in waiting if not _names(each) & made]
                left = others.give_back(Operations(context), free)
    stays = [(called(each), f"revision {each.revision} has its name, and its way down gives it back")
             for each in waiting if each not in free]  # fmt: skip
    gone = {name for name, _ in left}
    return [called(each) for each in free if called(each) not in gone], [*left, *stays]


def _made(script: ScriptDirectory, at: tuple[str, ...]) -> set[tuple[str, str]]:
    """The names that the revisions up to `at` make, of a column with its table."""
    behind = list(script.iterate_revisions(at, "base", inclusive=True)) if at else []
    known = names.read(script.dir, behind)
    return {(each.on if each.kind in HANGING else "", each.name) for one in known.values() for each in one.made}


def _names(thing: Thing) -> set[tuple[str, str]]:
    if thing.column:
        return {(thing.table, thing.column)}
    return {("", thing.table + str(thing.definitions.get("arguments", "")))}
