"""Work on many rows in short transactions: by ranges of the table's blocks, or of numbers, of an adapted size."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from psycopg import sql

from surefoot.online.executor import Steps

TARGET = 0.1
"""Seconds that one transaction should take: so long may a client wait for one of its rows."""
FEWEST, MOST = 4, 4096
"""Blocks in one range."""

PERMIT_TRIGGERS = "set local ourschool.retiring = 'on'"
"""Allows the UPDATE and DELETE of this transaction in triggers that refuse others, such as of append-only tables.

Such a trigger checks `coalesce(current_setting('ourschool.retiring', true), 'off') <> 'on'`.
"""


def run_by_blocks(steps: Steps, relation: sql.Identifier, work: Callable[[sql.Composed], int]) -> int:
    """Call `work` for every range of the table's blocks, each in a transaction; return the sum of its results.

    `work` gets a condition on ctid. Rows that are moved or inserted meanwhile may be missed: repeat until it returns 0.
    """
    total, start, size = 0, 0, 32
    while start < _blocks(steps, relation):
        began = time.monotonic()
        total += steps.retry_on_lock(partial(_run_blocks, steps, work, _between(start, start + size)))
        start, size = start + size, next_size(size, time.monotonic() - began, FEWEST, MOST)
    return total


def next_size(size: int, seconds: float, fewest: int, most: int) -> int:
    """Return the size for which a transaction takes about `TARGET` seconds, at most double or half of `size`."""
    return int(min(max(size * min(max(TARGET / max(seconds, 0.001), 0.5), 2), fewest), most))


def run_by_numbers(steps: Steps, last: int, work: Callable[[int, int], int]) -> Iterator[int]:
    """Call `work` for ranges (first, last) of the numbers 1 to `last`, each in a transaction; yield its results."""
    first, size = 1, 500
    while first <= last:
        began = time.monotonic()
        yield steps.retry_on_lock(partial(_run_numbers, steps, work, first, min(first + size - 1, last)))
        first, size = first + size, next_size(size, time.monotonic() - began, 100, 20000)


def _run_blocks(steps: Steps, work: Callable[[sql.Composed], int], blocks: sql.Composed) -> int:
    with steps.transaction():
        steps.execute(PERMIT_TRIGGERS)
        return work(blocks)


def _run_numbers(steps: Steps, work: Callable[[int, int], int], first: int, last: int) -> int:
    with steps.transaction():
        steps.execute(PERMIT_TRIGGERS)
        return work(first, last)


def _between(start: int, end: int) -> sql.Composed:
    return sql.SQL("ctid >= {} and ctid < {}").format(f"({start},0)", f"({end},0)")


def _blocks(steps: Steps, relation: sql.Identifier) -> int:
    query = "select pg_relation_size(cast(:name as regclass)) / current_setting('block_size')::bigint as blocks"
    return int(steps.fetch(query, name=relation.as_string())[0].blocks)
