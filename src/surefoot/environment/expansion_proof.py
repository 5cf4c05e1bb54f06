"""Proves in the run itself that a revision which declares `expand_only = True` takes nothing away.

Its catalogue from before is compared with the one after it, in its transaction. What is found goes into the journal,
by which an application of the version before knows whether it can work with the database.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy.engine import Connection

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.narrowing import narrowings
from surefoot.catalogue.reader import read_catalogue
from surefoot.runtime import interrupted_run, journal, preconditions
from surefoot.runtime.lock_retry import is_lock_failure
from surefoot.runtime.migration_plan import Plan

DECLARATION = "expand_only"
"""The variable of a revision's file."""
MOST = 5
"""How many of the things that a revision takes away the journal names."""
CONTINUED = "it was cut off and continued, so that nobody compared what was before it"
LOCKED = "somebody held a table, so that it could not be compared"


def is_declared(revision: Any) -> bool:
    """Return whether the file of a revision (a Script of Alembic's) declares that it only adds."""
    return getattr(revision.module, DECLARATION, False) is True


def prove_declared(steps: Iterable[RevisionStep], context: MigrationContext, plan: Plan) -> None:
    """Wrap each upgrade among `steps` that declares it; the outcome is given to `plan`."""
    for step in steps:
        if step.is_upgrade and is_declared(step.revision):
            step.migration_fn = _proved(step, context, plan)


def listed(taken: Iterable[str]) -> str:
    """Return what is taken away, as one phrase."""
    several = list(taken)
    more = f" and {len(several) - MOST} more" if len(several) > MOST else ""
    return "; ".join(several[:MOST]) + more


def _proved(step: RevisionStep, context: MigrationContext, plan: Plan) -> Callable[..., None]:
    upgrade = step.migration_fn
    before: list[Catalogue | str] = []

    @functools.wraps(upgrade)  # Alembic logs its name
    def proved(**arguments: Any) -> None:
        connection = context.connection
        assert connection is not None
        if not before:  # a retry may find what the first try has committed
            was_begun = _was_begun(connection, step.revision.revision)
            before.append(CONTINUED if was_begun else _read(connection))
        upgrade(**arguments)
        was, now = before[0], _read(connection) if isinstance(before[0], Catalogue) else before[0]
        if isinstance(was, Catalogue) and isinstance(now, Catalogue):
            plan.prove(listed(narrowings(was, now)))
        else:
            plan.prove(now if isinstance(now, str) else LOCKED)

    return proved


def _read(connection: Connection) -> Catalogue | str:
    try:
        return read_catalogue(connection)
    except sa.exc.DBAPIError as fault:
        if not is_lock_failure(fault):
            raise
        return LOCKED


def _was_begun(connection: Connection, revision: str) -> bool:
    """Return whether an earlier run has committed a part of the revision."""
    if not connection.execute(interrupted_run.TABLES_EXIST).one().journal:
        return False
    last = connection.execute(preconditions.LAST, {"revision": revision}).first()
    return last is not None and (last.outcome == journal.BEGUN or journal.committed_in_part(last.note))
