"""The baseline that an existing database is stamped with, and whether a database is it."""

import inspect
import logging

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from surefoot.catalogue.compare import compare
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.catalogue.scratch_schema import catalogue_of
from surefoot.errors import RefusedError
from surefoot.program import program
from surefoot.runtime.error_translation import COMMITS_IN_PARTS

log = logging.getLogger("surefoot")


def in_parts(script: ScriptDirectory, revision: str) -> bool:
    """Whether the baseline's upgrade commits on its way, as autogenerate writes it: then no scratch schema will do."""
    return bool(COMMITS_IN_PARTS.search(inspect.getsource(script.get_revision(revision).module.upgrade)))


def catalogue(connection: Connection, script: ScriptDirectory, revision: str) -> Catalogue:
    """The catalogue of the baseline, `revision`, built in a schema that is rolled back; the real one is not touched."""

    def build(scratch: Connection) -> None:
        module = script.get_revision(revision).module
        with Operations.context(MigrationContext.configure(scratch)):
            module.upgrade()

    return catalogue_of(connection, build)


def refuse_another(connection: Connection, script: ScriptDirectory, revision: str, *, forced: bool) -> None:
    """Refuse to stamp a database that lacks something of the baseline or has it differently; one that is `forced` not.

    What it has beyond the baseline is only told.
    """
    if in_parts(script, revision):
        if forced:
            log.warning("Stamped unseen (-x force=yes): the baseline works in parts.")
            return
        raise RefusedError(
            f"A stamp cannot prove this database equal to the baseline {revision}, which works in parts.",
            f"python -m {program()} adopt builds it in a database of its own, compares, and stamps.",
        )
    difference = compare(catalogue(connection, script, revision), read_catalogue(connection))
    for line in difference.beyond:
        log.warning("Beyond the baseline: %s", line)
    if not difference.lacking:
        return
    lines = "\n  ".join(str(deviation) for deviation in difference.lacking)
    if forced:
        log.warning("Stamped all the same (-x force=yes), although it is not the baseline:\n  %s", lines)
        return
    raise RefusedError(
        f"This database is not the baseline {revision}, so it was not stamped:\n  {lines}",
        "Mend what is listed and stamp again. -x force=yes before the command stamps all the same "
        f"(python -m alembic -x force=yes stamp {revision}); later revisions may then fail.",
    )
