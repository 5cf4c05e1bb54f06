"""Calls the function of a revision once with an `op` that checks each operation and changes nothing."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any, NoReturn

import alembic.op
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep

from surefoot.environment.precheck.future_schema import FutureSchema, StopChecking
from surefoot.environment.precheck.operation_checks import OperationChecks
from surefoot.environment.unfinished_work import UnfinishedWork
from surefoot.errors import RefusedError
from surefoot.online.executor import Steps
from surefoot.private_members import in_callers_transaction, redirect_op
from surefoot.runtime.migration_plan import Plan

log = logging.getLogger("surefoot")


def check_before_run(step: MigrationStep, context: MigrationContext, plan: Plan) -> None:
    """Let the revision of `step` check all its operations before the first one changes anything.

    None of its own SQL is run for that. Operations after a statement that may change rows, or after a query of the
    revision itself, are not checked here; each operation also checks for itself before it changes anything. Nothing is
    checked in offline mode and in a transaction of the caller.
    """
    if not isinstance(step, RevisionStep):
        return
    run = step.migration_fn

    @wraps(run)
    def checked(**options: Any) -> None:
        if not context.as_sql and not in_callers_transaction(context):
            plan.dry_run = True
            try:
                _check(run, context, options, plan)
            finally:
                plan.dry_run = False
        run(**options)

    step.migration_fn = checked


def _check(run: Callable[..., None], context: MigrationContext, options: dict[str, Any], plan: Plan) -> None:
    outer = vars(alembic.op)["_proxy"]  # only one can be active at a time
    with ExitStack() as stack:
        inner = Operations(context)
        opened: list[Steps] = []

        def steps() -> Steps:
            if not opened:
                opened.append(stack.enter_context(Steps(inner)))
            return opened[0]

        checking: Any = inner  # every operation goes through one of these
        assert context.connection is not None
        checks, work = OperationChecks(FutureSchema(steps, context)), UnfinishedWork(context, plan)

        def check(op: MigrateOperation) -> Any:
            work.check(op)
            return checks.invoke(op)

        checking.invoke = check
        checking.get_bind = checking.get_context = checking.run_async = checking.batch_alter_table = _stop
        stack.enter_context(redirect_op(inner, outer))
        try:
            run(**options)
        except (RefusedError, sa.exc.DBAPIError):
            raise
        except (StopChecking, Exception) as fault:  # the run itself reaches the same error, and reports it
            log.debug("Asked as far as %s", fault)


def _stop(*_: Any, **__: Any) -> NoReturn:
    raise StopChecking
