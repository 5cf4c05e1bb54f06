"""Walking a big table in batches by its key: each committed, each so short that whoever waits for it hardly does."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql

from surefoot.online.backfill.replica_lag import Replicas
from surefoot.online.executor import Steps
from surefoot.online.key_ranges import Key, Place
from surefoot.online.target_table import Table
from surefoot.progress import RowProgress
from surefoot.runtime import lock_retry

TARGET = 0.05
"""Seconds that a batch may take: who wants one of its rows waits no longer."""
FIRST = 500
LARGEST = 20_000
"""Rows of the first batch, and of any."""
SHARE = 200
"""A batch is no more than one in so many rows of a table: of 200 clients one at most meets it."""

ROWS = """
select case
           when reltuples < 0 or relpages = 0 then -1
           else reltuples / relpages * (pg_relation_size(oid) / current_setting('block_size')::integer)
       end::bigint as estimate
  from pg_class
 where oid = :table
"""
END = sql.SQL("select {key} from {table} where {range} order by {order} offset {rows} limit 1")
# An estimate gone wrong must not read the whole table for each of its batches; and rows that a policy hides from us
# must fail loudly instead of being passed over.
BY_INDEX = """
select set_config('enable_seqscan', 'off', true),
       set_config('jit', 'off', true),
       set_config('row_security', 'off', true)
"""

Work = Callable[[sql.Composable], int]
"""Does the rows of one range, inside the batch's transaction; returns how many it changed."""


@dataclass
class Walk:
    """One forward pass over a table."""

    steps: Steps
    table: Table
    key: Key
    work: Work
    progress: RowProgress
    size: int = FIRST

    def run(self) -> int:
        """Do every row there was when the pass began, and those that arrived before it; returns how many it changed."""
        replicas = Replicas(self.steps)
        changed, place = 0, None
        while True:
            replicas.give_way()
            upto, now_changed = self.steps.repeat(lambda place=place: self._batch(place))  # type: ignore[misc]
            changed += now_changed
            if upto is None:
                self.progress.advance(max(self.progress.total - self.progress.rows, 0), now_changed)
                return changed
            place = upto

    def _batch(self, after: Place | None) -> tuple[Place | None, int]:
        """Do the next rows behind `after`; returns the last one's place, None at the end of the table."""
        size, started = self.size, time.monotonic()
        try:
            with self.steps.transaction(BY_INDEX):
                upto = self._end(after, size)
                changed = self.work(self.key.between(after, upto))
        except sa.exc.DBAPIError as fault:
            if lock_retry.is_lock_failure(fault):
                self.size = max(1, size // 2)
            raise
        self._adapt(size, time.monotonic() - started)
        if upto is not None:
            self.progress.advance(size, changed)
        return upto, changed

    def _end(self, after: Place | None, size: int) -> Place | None:
        found = self.steps.execute(
            END.format(
                key=self.key.texts(),
                table=self.table.identifier,
                range=self.key.between(after, None),
                order=self.key.order(),
                rows=size - 1,
            )
        )
        assert found is not None
        row = found.first()
        return None if row is None else tuple(row)

    def _adapt(self, size: int, seconds: float) -> None:
        wanted = size * min(max(TARGET / max(seconds, 1e-6), 0.5), 2.0)
        largest = max(FIRST, min(LARGEST, self.progress.total // SHARE))
        self.size = max(1, min(int(wanted), largest))


def about(steps: Steps, table: Table) -> int:
    """How many rows the table has: an estimate where it is big, counted where that is quick or nothing is known."""
    estimate = int(steps.look(ROWS, table=table.oid)[0].estimate)
    if estimate >= 100_000:
        return estimate
    found = steps.execute(sql.SQL("select count(*) from {}").format(table.identifier))
    assert found is not None
    return int(found.scalar_one())
