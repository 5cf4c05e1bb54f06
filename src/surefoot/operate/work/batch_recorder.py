"""Writes into the queue how far a backfill is, in the transaction of each batch."""

from dataclasses import replace

import sqlalchemy as sa

from surefoot.errors import RefusedError
from surefoot.online.backfill.batch_runner import Batch, BatchRunner
from surefoot.online.backfill.operation import PASSES
from surefoot.program import program
from surefoot.runtime import work_queue
from surefoot.runtime.work_queue import Entry

# Sessions whose lock the transaction of this one holds. pg_locks shows everybody's, to any role.
WAITERS = sa.text("""
    select count(*)
      from (select distinct pid from pg_locks where not granted and pid <> pg_backend_pid()) as waiting
     where pg_backend_pid() = any (pg_blocking_pids(pid))
""")


class BatchRecorder:
    """Records one batch of `runner`, for the entry as it was `before` it."""

    def __init__(self, runner: BatchRunner, before: Entry) -> None:
        self._runner = runner
        self._before = before
        self.waiters = 0
        """The sessions that waited for a lock of the batch when it was done."""

    def record(self, batch: Batch) -> None:
        """Write that the batch is done, and look who waits for it."""
        connection = self._runner.steps.connection
        after = self.after(batch)
        work_queue.update(
            connection,
            after.id,
            rows_done=after.rows_done,
            rows_set=after.rows_set,
            rows_total=after.rows_total,
            passes=after.passes,
            last_key=None if after.last_key is None else list(after.last_key),
        )
        self.waiters = int(connection.execute(WAITERS).scalar_one())

    def after(self, batch: Batch) -> Entry:
        """Return the entry as it is once `batch` is committed."""
        done = self._before.rows_done + batch.rows
        total = max(self._before.rows_total or 0, done)
        return replace(
            self._before,
            rows_done=done if batch.end is not None else total,
            rows_set=self._before.rows_set + batch.changed,
            rows_total=total,
            passes=self._before.passes + (batch.end is None),
            last_key=batch.end,
        )


def refuse_endless(entry: Entry) -> None:
    """Raise RefusedError for an entry that has been through the table so often that rows must come behind it."""
    if entry.passes >= PASSES:
        condition = entry.arguments["where"] or "the condition"
        raise RefusedError(
            f"Rows of {entry.arguments['table']} still come to match {condition} after {PASSES} passes: whoever writes "
            "them needs a default, or to write the value.",
            f"Give the column one, then python -m {program()} work --continue {entry.name}.",
        )
