"""A revision read through before it runs: its function is called once with an `op` that asks and changes nothing."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any, NoReturn

import alembic.op
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep

from surefoot.environment.precheck.operation_checks import OperationChecks, StopChecking
from surefoot.errors import RefusedError
from surefoot.online.executor import Steps
from surefoot.private_members import in_callers_transaction, redirect_op
from surefoot.runtime.migration_plan import Plan

log = logging.getLogger("surefoot")


def check_before_run(step: MigrationStep, context: MigrationContext, plan: Plan) -> None:
    """Let the revision of `step` ask all its operations before the first one changes anything.

    Nothing of its own SQL is run for that. Where it reads the database itself, or runs statements that may change rows,
    what comes after is not asked: each operation asks for itself, too, before it changes anything.
    """
    if not isinstance(step, RevisionStep):
        return
    run = step.migration_fn

    @wraps(run)
    def asked(**options: Any) -> None:
        if not context.as_sql and not in_callers_transaction(context):
            plan.dry_run = True
            try:
                _ask(run, context, options)
            finally:
                plan.dry_run = False
        run(**options)

    step.migration_fn = asked


def _ask(run: Callable[..., None], context: MigrationContext, options: dict[str, Any]) -> None:
    outer = vars(alembic.op)["_proxy"]  # it knows of one at a time alone
    with ExitStack() as stack:
        inner = Operations(context)
        opened: list[Steps] = []

        def steps() -> Steps:
            if not opened:
                opened.append(stack.enter_context(Steps(inner)))
            return opened[0]

        asking: Any = inner  # whatever is called through it comes to one of these
        assert context.connection is not None
        asking.invoke = OperationChecks(steps, context.connection).invoke
        asking.get_bind = asking.get_context = asking.run_async = asking.batch_alter_table = _enough
        stack.enter_context(redirect_op(inner, outer))
        try:
            run(**options)
        except (RefusedError, sa.exc.DBAPIError):
            raise
        except (StopChecking, Exception) as fault:  # whatever it is, the run itself comes to it, and tells
            log.debug("Asked as far as %s", fault)


def _enough(*_: Any, **__: Any) -> NoReturn:
    raise StopChecking
