"""Walk a big table in batches by its key: each batch is committed, and so short that whoever waits for it hardly does.

`BatchRunner` does it online; `print_batches` prints the same walk as one PL/pgSQL block for `--sql`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql

from surefoot.online import key_ranges, retired_registry, target_table
from surefoot.online.backfill.replica_lag import Replicas
from surefoot.online.executor import Steps
from surefoot.online.key_ranges import Key, KeyValues
from surefoot.online.target_table import Table
from surefoot.progress import RowProgress
from surefoot.runtime import lock_retry

TARGET = 0.05
"""Seconds that a batch should take: so long may a client wait for one of its rows."""
FIRST = 500
"""Rows of the first batch."""
LARGEST = 20_000
"""Rows of any batch, at most."""
SHARE = 200
"""A batch is at most one row in so many of the table: of 200 clients, one at most waits for it."""
PRINTED_ROWS = 5000
"""Rows of each printed batch: SQL alone cannot adapt it to how long others wait."""

ROWS = """
select case
           when reltuples < 0 or relpages = 0 then -1
           else reltuples / relpages * (pg_relation_size(oid) / current_setting('block_size')::integer)
       end::bigint as estimate
  from pg_class
 where oid = :table
"""
END = sql.SQL("select {key} from {table} where {range} order by {order} offset {rows} limit 1")
# Without enable_seqscan a wrong estimate cannot read the whole table for each batch. With row_security off, rows that a
# policy hides raise an error instead of being skipped.
BY_INDEX = """
select set_config('enable_seqscan', 'off', true),
       set_config('jit', 'off', true),
       set_config('row_security', 'off', true)
"""
PRINTED_BLOCK = """
declare
    target constant regclass := {table};
    wanted constant text[] := {key};
    condition text := {where};
    key record;
    names text;
    reached text[];
    upto text[];
    behind text;
begin
    if not (select relispartition from pg_class where oid = target) then
        {refuse_inheritance}
    end if;
    select found.* into key
      from ({keys}) as found
     where case when wanted is null then found."unique" else found.columns[1:cardinality(wanted)] = wanted end
     limit 1;
    if not found then
        raise exception 'Table % has no key to walk by: no primary key, no unique index on NOT NULL columns', target;
    end if;
    key.columns := coalesce(wanted, key.columns);
    key.types := key.types[1:cardinality(key.columns)];
    select string_agg(format('%I', name), ', ' order by nth) into names
      from unnest(key.columns) with ordinality as x (name, nth);
    if condition is null then
        select string_agg(format('row(%I)::record *<> row((%s)::%s)::record', attname, expression,
                                 format_type(atttypid, atttypmod)), ' or ')
          into strict condition
          from unnest({columns}::text[], {expressions}::text[]) as x (name, expression)
          join pg_attribute on attrelid = target and attname = name;
    end if;
    loop
        perform set_config('enable_seqscan', 'off', true);
        behind := 'true';
        if reached is not null then
            select format('(%s) > (%s)', names, string_agg(format('%L::%s', value, type), ', ' order by nth))
              into behind
              from unnest(reached, key.types) with ordinality as x (value, type, nth);
        end if;
        execute format('select array[%s] from %s where %s order by %s offset %s limit 1',
                       replace(names, ', ', '::text, ') || '::text', target, behind, names, {rows} - 1)
           into upto;
        if upto is not null then
            select behind || format(' and (%s) <= (%s)', names,
                                    string_agg(format('%L::%s', value, type), ', ' order by nth))
              into behind
              from unnest(upto, key.types) with ordinality as x (value, type, nth);
        end if;
        execute format('update %s set %s where %s and (%s)', target, {values}, behind, condition);
        commit;
        exit when upto is null;
        reached := upto;
    end loop;
end
"""
Work = Callable[[sql.Composable], int]
"""Changes the rows of one range, given as a condition, inside the batch's transaction; returns how many it changed."""


@dataclass(frozen=True)
class Batch:
    """One batch: how many rows it had, and how many of them were changed."""

    end: KeyValues | None
    """The key of its last row; None at the end of the table."""
    rows: int
    changed: int


Record = Callable[[Batch], None]
"""Notes a batch inside its transaction."""


@dataclass
class BatchRunner:
    """One forward pass over a table, calling `work` for each batch. `size` is the rows of the next batch."""

    steps: Steps
    table: Table
    key: Key
    work: Work
    progress: RowProgress
    size: int = FIRST

    def run(self) -> int:
        """Process every row up to the highest key; return how many rows were changed.

        Rows that are inserted behind the batches during the pass may be missed.
        """
        replicas = Replicas(self.steps)
        changed, last = 0, None
        while True:
            replicas.wait_for_lag()
            batch = self.batch(last)
            changed += batch.changed
            if batch.end is None:
                return changed
            last = batch.end

    def batch(self, after: KeyValues | None, record: Record = lambda _: None) -> Batch:
        """Process the rows after the key `after`, and try again until their locks are there.

        `record` is called inside the batch's transaction, before it is committed.
        """
        batch = self.steps.retry_on_lock(lambda: self._batch(after, record))
        self.progress.advance(batch.rows, batch.changed)
        return batch

    def _batch(self, after: KeyValues | None, record: Record) -> Batch:
        size, started = self.size, time.monotonic()
        try:
            with self.steps.transaction(BY_INDEX):
                end = self._end(after, size)
                changed = self.work(self.key.between(after, end))
                rows = size if end is not None else max(self.progress.total - self.progress.rows, 0)
                batch = Batch(end, rows, changed)
                record(batch)
        except sa.exc.DBAPIError as fault:
            if lock_retry.is_lock_failure(fault):
                self.size = max(1, size // 2)
            raise
        self._adapt(size, time.monotonic() - started)
        return batch

    def _end(self, after: KeyValues | None, size: int) -> KeyValues | None:
        rows = self.steps.fetch(
            END.format(
                key=self.key.texts(),
                table=self.table.identifier,
                range=self.key.between(after, None),
                order=self.key.order(),
                rows=size - 1,
            )
        )
        return tuple(rows[0]) if rows else None

    def _adapt(self, size: int, seconds: float) -> None:
        fitting = size * min(max(TARGET / max(seconds, 1e-6), 0.5), 2.0)
        largest = max(FIRST, min(LARGEST, self.progress.total // SHARE))
        self.size = max(1, min(int(fitting), largest))


def print_batches(
    steps: Steps, table: str, values: Mapping[str, str], where: str | None, key: str | Sequence[str] | None
) -> None:
    """Print the block that sets `values` in all rows that match `where`, outside of a transaction: it COMMITs.

    It finds the key as `key_ranges.find` does, and walks as `BatchRunner` does.
    """
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = ({})").format(sql.Identifier(name), sql.SQL(value)) for name, value in values.items()
    )
    body = sql.SQL(PRINTED_BLOCK).format(
        table=sql.SQL("{}::regclass").format(sql.Identifier(table).as_string()),
        refuse_inheritance=target_table.REFUSE_INHERITANCE,
        key=[key] if isinstance(key, str) else None if key is None else list(key),
        where=where,
        keys=sql.SQL(key_ranges.KEYS.replace(":table", "target")),
        columns=list(values),
        expressions=list(values.values()),
        values=assignments.as_string(),
        rows=PRINTED_ROWS,
    )
    steps.execute(retired_registry.do_block(body))


def estimate_rows(steps: Steps, table: Table) -> int:
    """Return how many rows the table has: counted where it is small or was never analyzed, else estimated."""
    estimate = int(steps.fetch(ROWS, table=table.oid)[0].estimate)
    if estimate >= 100_000:
        return estimate
    return int(steps.fetch(sql.SQL("select count(*) from {}").format(table.identifier))[0][0])
