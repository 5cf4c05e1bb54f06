"""Asks of every operation of an upgrade whether it needs work that an earlier revision has left and nobody has done."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import alembic.op
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext, RevisionStep
from psycopg import sql

from surefoot.environment import work_needs
from surefoot.errors import RefusedError
from surefoot.online.backfill.operation import BackfillOp
from surefoot.online.executor import Steps
from surefoot.online.indexes import printed_index
from surefoot.online.indexes.index_operations import CreateIndexOnlineOp
from surefoot.runtime import work_queue
from surefoot.runtime.migration_plan import Plan
from surefoot.runtime.work_queue import Entry, NewEntry

HALF_BUILT = sa.text("""
    select relname::text
      from pg_index
      join pg_class on pg_class.oid = indexrelid
     where relnamespace = quote_ident(current_schema())::regnamespace
       and relname = any (:names)
       and not indisvalid
""")


class UnfinishedWork:
    """The work that is not done when the operations of one run of a revision ask for it."""

    def __init__(self, context: MigrationContext, plan: Plan) -> None:
        self._context = context
        self._plan = plan
        self._own: list[NewEntry] = []

    def check(self, op: MigrateOperation) -> None:
        """Raise RefusedError where `op` needs work that is not done, or that the revision itself leaves for later."""
        step = self._plan.current
        if not isinstance(step, RevisionStep) or not step.is_upgrade:
            return
        revision = str(step.revision.revision)
        work_needs.refuse(op, revision, self._own)
        self._note(op)
        op = self._as_done(op)
        if self._read_once():
            try:
                work_needs.refuse(op, revision, self._read_once())
            except RefusedError:
                self._plan.open_work = None  # a worker may have done it since
                work_needs.refuse(op, revision, self._read_once())

    def _as_done(self, op: MigrateOperation) -> MigrateOperation:
        """Return the operation as one that is not left for later, where the run does everything at once."""
        if not getattr(op, "later", False) or not getattr(self._context.opts.get("run"), "does_all_at_once", False):
            return op
        at_once: Any = copy.copy(op)
        at_once.later = False
        assert isinstance(at_once, MigrateOperation)
        return at_once

    def _note(self, op: MigrateOperation) -> None:
        if isinstance(op, BackfillOp) and op.later:
            self._own.append(NewEntry(work_queue.BACKFILL, op.queued_name, op.arguments))
        elif isinstance(op, CreateIndexOnlineOp) and op.later:
            shown = ", ".join(map(str, op.columns))
            self._own.append(
                NewEntry(work_queue.INDEX, str(op.index_name), {"table": op.table_name, "definition": shown})
            )

    def _read_once(self) -> tuple[Entry, ...]:
        if self._plan.open_work is None:
            assert self._context.connection is not None
            self._plan.open_work = tuple(each for each in work_queue.read(self._context.connection) if each.is_open)
        return self._plan.open_work


@contextmanager
def checked(context: MigrationContext, plan: Plan) -> Iterator[None]:
    """Check every `op.…` inside the block before it runs."""
    proxy: Any = vars(alembic.op)["_proxy"]
    invoke: Callable[[MigrateOperation], Any] = proxy.invoke
    work = UnfinishedWork(context, plan)

    def check_and_invoke(op: MigrateOperation) -> Any:
        work.check(op)
        return invoke(op)

    proxy.invoke = check_and_invoke
    try:
        yield
    finally:
        del proxy.invoke  # uncovers the method of the class


def drop_half_built(context: MigrationContext, revision: str) -> None:
    """Drop the INVALID indexes that the work of `revision` has begun, at the end of its downgrade."""
    assert context.connection is not None
    names = [
        each.name
        for each in work_queue.read(context.connection)
        if (each.revision, each.kind) == (revision, work_queue.INDEX) and each.is_open
    ]
    half_built = context.connection.execute(HALF_BUILT, {"names": names}).scalars().all() if names else ()
    if half_built:
        with Steps(Operations(context)) as steps:
            for name in half_built:
                steps.run(printed_index.DROP.format(sql.Identifier(name)))
