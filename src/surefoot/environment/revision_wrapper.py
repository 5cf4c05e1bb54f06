"""Wraps the function of each revision with the precheck, companions, amendments and restored objects."""

import functools
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from alembic.runtime.migration import MigrationContext, RevisionStep

from surefoot.environment import amendments, companion_sql, expansion_proof, unfinished_work
from surefoot.environment.precheck.dry_run import check_before_run
from surefoot.online.retire import displaced_objects, retired_at_base
from surefoot.private_members import in_callers_transaction
from surefoot.project import Project
from surefoot.runtime.migration_plan import Plan, Step


def wrap_steps(steps: Iterable[Step], context: MigrationContext, plan: Plan, project: Project) -> None:
    """Wrap each revision among `steps`, so that everything runs in its transaction.

    In offline mode there is no precheck. From the inside: its companion's SQL runs around it, its operations are
    checked before it begins, and each for work that is not done, objects that were displaced by its names are restored
    after its downgrade, and the revision that amends it runs around all of that. What declares that it only adds is
    compared around the whole.
    """
    revisions = [step for step in steps if isinstance(step, RevisionStep)]
    companion_sql.wrap_with_companions(revisions, context, project.load_companions())
    if not context.as_sql:
        for step in revisions:
            check_before_run(step, context, plan)
            step.migration_fn = _with_unfinished_work(step, context, plan)
            if not step.is_upgrade:  # outside the precheck, which would restore it before the downgrade has begun
                step.migration_fn = _with_restoration(step, context)
    if context.script is not None:
        amendments.wrap_amended(revisions, context.script, plan.note)
    if not context.as_sql:
        expansion_proof.prove_declared(revisions, context, plan)


def _with_unfinished_work(step: RevisionStep, context: MigrationContext, plan: Plan) -> Callable[..., None]:
    migrate = step.migration_fn

    @functools.wraps(migrate)
    def migrate_beside_queue(**arguments: Any) -> None:
        with unfinished_work.checked(context, plan):
            migrate(**arguments)
        if not step.is_upgrade and not in_callers_transaction(context):
            unfinished_work.drop_half_built(context, str(step.revision.revision))

    return migrate_beside_queue


def _with_restoration(step: RevisionStep, context: MigrationContext) -> Callable[..., None]:
    downgrade = step.migration_fn
    to_base = step.revision.down_revision is None

    @functools.wraps(downgrade)  # Alembic logs its name
    def downgrade_and_restore(**arguments: Any) -> None:
        with retired_at_base.hiding_displaced_items(context) if to_base else nullcontext():
            downgrade(**arguments)
        displaced_objects.restore_after_downgrade(context)

    return downgrade_and_restore
