"""Leave an operation for later: `later=True` queues it with the revision, and `surefoot work` does it after the deploy.

Where there is next to nothing to do, as on a table of a new database, the operation is done at once.
"""

import logging

from alembic.runtime.migration import RevisionStep
from psycopg import sql

from surefoot.online.executor import Steps
from surefoot.online.target_table import Table
from surefoot.program import program
from surefoot.runtime.migration_plan import Plan
from surefoot.runtime.work_queue import NewEntry

log = logging.getLogger("surefoot")

FEW = 500
"""Rows up to which a table is done at once: they are one batch, or an index that is there in a moment."""
MORE_THAN = sql.SQL("select count(*) > {few} from (select from {table} limit {few} + 1) as found")
PRINTED = "-- later=True: SQL cannot queue it, so it is done here."


def can_wait(steps: Steps, table: Table) -> bool:
    """Return whether an operation on `table` can be left for later.

    Only an upgrade that runs a revision can leave one, and not where it was told to do everything at once. One on a
    small table is left where something else is that is not done.
    """
    run = steps.context.opts.get("run")
    plan = _plan(steps)
    if plan is None or not isinstance(plan.current, RevisionStep) or not plan.current.is_upgrade:
        return False
    if getattr(run, "does_all_at_once", False):
        return False
    if plan.open_work or plan.left_for_later:  # which this one may need, and then comes behind it
        return True
    return bool(steps.fetch(MORE_THAN.format(few=FEW, table=table.identifier))[0][0])


def leave(steps: Steps, entry: NewEntry) -> None:
    """Leave `entry` for later; it is written when the revision is recorded as applied."""
    plan = _plan(steps)
    assert plan is not None
    plan.left_for_later.append(entry)
    log.info("%s is left for later: python -m %s work does it.", entry.name, program())


def print_remark(steps: Steps) -> None:
    """Print, under `--sql`, that the operation is done where it stands."""
    steps.context.impl.static_output(PRINTED)


def _plan(steps: Steps) -> Plan | None:
    plan = getattr(steps.context.opts.get("run"), "plan", None)
    return plan if isinstance(plan, Plan) else None
