"""What goes on around a revision's own function: asked first, amended, looked after, and strangers brought back."""

import functools
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from alembic.runtime.migration import MigrationContext, RevisionStep

from surefoot.environment import amendments, leftovers
from surefoot.environment.precheck.dry_run import check_before_run
from surefoot.online.retire import displaced_objects, retired_at_base
from surefoot.project import Project
from surefoot.runtime.migration_plan import Plan, Step


def wrap_steps(steps: Iterable[Step], context: MigrationContext, plan: Plan, project: Project) -> None:
    """Let each revision among `steps` run with all of it, in its own transaction; printed as SQL with what can be said.

    From the inside: what nobody needs to have kept goes at the revision's end, its operations are asked before it
    begins, what was set aside for others comes back after its way down, and what amends it goes round all of that.
    """
    revisions = [step for step in steps if isinstance(step, RevisionStep)]
    leftovers.wrap_with_companions(revisions, context, project.companions)
    if not context.as_sql:
        for step in revisions:
            check_before_run(step, context, plan)
            if not step.is_upgrade:  # outside of what is asked: it would come back before the way down has begun
                step.migration_fn = _and_bring_back(step, context)
    if context.script is not None:
        amendments.wrap_amended(revisions, context.script, plan.note)


def _and_bring_back(step: RevisionStep, context: MigrationContext) -> Callable[..., None]:
    downgrade = step.migration_fn
    to_base = step.revision.down_revision is None

    @functools.wraps(downgrade)  # Alembic tells its name
    def both(**arguments: Any) -> None:
        with retired_at_base.left_to_others(context) if to_base else nullcontext():
            downgrade(**arguments)
        displaced_objects.bring_back(context)

    return both
