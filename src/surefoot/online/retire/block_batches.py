"""Work on many rows in short transactions, one stretch of the table's blocks after another, at a steady pace."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from psycopg import sql

from surefoot.online.executor import Steps

TARGET = 0.1
"""Seconds that one transaction should take: so long may a user wait for a row of it."""
FEWEST, MOST = 4, 4096
"""Blocks in one stretch."""

PERMITTED = "set local ourschool.retiring = 'on'"
"""Told to the table's own triggers: one that refuses UPDATE or DELETE may let the documented road pass.

Such a trigger asks: `coalesce(current_setting('ourschool.retiring', true), 'off') <> 'on'`.
"""


def stretches(steps: Steps, relation: sql.Identifier, work: Callable[[sql.Composed], int]) -> int:
    """Call `work` for every stretch of the table, each in a transaction of its own; returns the sum of its results.

    `work` is given a condition on ctid. Rows that move or come meanwhile may be missed: call it until it returns 0.
    """
    total, start, size = 0, 0, 32
    while start < _blocks(steps, relation):
        began = time.monotonic()
        total += steps.repeat(partial(_one, steps, work, _between(start, start + size)))
        start, size = start + size, paced(size, time.monotonic() - began, FEWEST, MOST)
    return total


def paced(size: int, seconds: float, fewest: int, most: int) -> int:
    """The next size, after `size` took so long: towards `TARGET`, at most doubled or halved."""
    return int(min(max(size * min(max(TARGET / max(seconds, 0.001), 0.5), 2), fewest), most))


def ranges(steps: Steps, last: int, work: Callable[[int, int], int]) -> Iterator[int]:
    """Call `work` for the numbers 1 to `last` in ranges (first, last), each in a transaction; yields its results."""
    first, size = 1, 500
    while first <= last:
        began = time.monotonic()
        yield steps.repeat(partial(_ranged, steps, work, first, min(first + size - 1, last)))
        first, size = first + size, paced(size, time.monotonic() - began, 100, 20000)


def _one(steps: Steps, work: Callable[[sql.Composed], int], here: sql.Composed) -> int:
    with steps.transaction():
        steps.execute(PERMITTED)
        return work(here)


def _ranged(steps: Steps, work: Callable[[int, int], int], first: int, last: int) -> int:
    with steps.transaction():
        steps.execute(PERMITTED)
        return work(first, last)


def _between(start: int, end: int) -> sql.Composed:
    return sql.SQL("ctid >= {} and ctid < {}").format(f"({start},0)", f"({end},0)")


def _blocks(steps: Steps, relation: sql.Identifier) -> int:
    query = "select pg_relation_size(cast(:name as regclass)) / current_setting('block_size')::bigint as blocks"
    return int(steps.look(query, name=relation.as_string())[0].blocks)
