"""Checks before a stamp that the database equals the revision: the baseline, or a released revision."""

import inspect
import logging
from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from surefoot.catalogue import packaged
from surefoot.catalogue.compare import compare
from surefoot.catalogue.differences import Difference
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import catalogue_from_text, read_catalogue
from surefoot.catalogue.scratch_schema import catalogue_built_by
from surefoot.errors import RefusedError
from surefoot.program import alembic_command, program
from surefoot.runtime.error_translation import COMMITS_IN_PARTS

log = logging.getLogger("surefoot")

SHOWN = 20
"""How many deviations an error lists."""


def commits_in_parts(script: ScriptDirectory, revision: str) -> bool:
    """Return whether the baseline commits in parts, so that it cannot be built in a scratch schema and rolled back."""
    return bool(COMMITS_IN_PARTS.search(inspect.getsource(script.get_revision(revision).module.upgrade)))


def baseline_catalogue(connection: Connection, script: ScriptDirectory, revision: str) -> Catalogue:
    """Return the catalogue of the baseline `revision`, which is built in a scratch schema and rolled back."""

    def build(scratch: Connection) -> None:
        module = script.get_revision(revision).module
        with Operations.context(MigrationContext.configure(scratch)):
            module.upgrade()

    return catalogue_built_by(connection, build)


def difference_from_released(connection: Connection, script: ScriptDirectory, revision: str) -> Difference | None:
    """Return the deviations of the database from a released revision; None where the revision is not released."""
    history = list(script.walk_revisions("base", "heads"))[::-1]
    text = packaged.read(Path(script.dir), history).get(revision)
    return None if text is None else compare(catalogue_from_text(text), read_catalogue(connection))


def refuse_unless_baseline(connection: Connection, script: ScriptDirectory, revision: str, *, forced: bool) -> None:
    """Refuse to stamp a database in which something of the baseline is missing or different; `forced` only warns.

    Objects in addition to the baseline are logged as warnings. A baseline that commits in parts is refused, because
    only `adopt` can build it. Raises RefusedError.
    """
    if commits_in_parts(script, revision):
        if forced:
            log.warning("Stamped unseen (-x force=yes): the baseline works in parts.")
            return
        raise RefusedError(
            f"A stamp cannot prove this database equal to the baseline {revision}, which works in parts.",
            f"python -m {program()} adopt builds it in a database of its own, compares, and stamps.",
        )
    difference = compare(baseline_catalogue(connection, script, revision), read_catalogue(connection))
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
        f"({alembic_command()} -x force=yes stamp {revision}); later revisions may then fail.",
    )


def refuse_unless_released(connection: Connection, script: ScriptDirectory, revision: str, *, forced: bool) -> None:
    """Refuse to stamp a database in which something of a released revision is missing or different; `forced` warns.

    A stamp tells every application that starts that the tables exist. A revision that is not released passes, because
    its catalogue is not known without building it, which `adopt` does. Raises RefusedError.
    """
    difference = difference_from_released(connection, script, revision)
    lacking = difference.lacking if difference is not None else ()
    if not lacking:
        return
    lines = "\n  ".join(str(deviation) for deviation in lacking[:SHOWN])
    lines += f"\n  and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
    if forced:
        log.warning("Stamped all the same (-x force=yes), although it is not %s:\n  %s", revision, lines)
        return
    raise RefusedError(
        f"This database is not what revision {revision} makes, so it was not stamped:\n  {lines}",
        f"python -m {program()} identify tells which revision it equals, and what to do then. -x force=yes before the "
        f"command stamps all the same ({alembic_command()} -x force=yes stamp {revision}).",
    )
