"""What a school reads most, on a made-up school: with its indexes, and with those alone that the baseline had.

Tables that the baseline did not have lose the index that the read uses and those that lead like it. Both sides run in
turn in one database, the indexes dropped in a transaction that is rolled back. STUDENTS (20,000) and YEARS (5) in the
environment set the size, which makes some 12 million rows.
"""

import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.read_cases import READS, Read
from ourschool.seed import Plan, seed
from tests.ourschool.existing.catalogue import recorded
from tests.support.databases import fresh
from tests.support.servers import running

STUDENTS = int(os.environ.get("STUDENTS", "20000"))
YEARS = int(os.environ.get("YEARS", "5"))
ROUNDS = 5
EACH = 9
"""Reads in a round, each with other values."""
INDEXES = """
select i.indexrelid::regclass::text, c.conname, pg_get_indexdef(i.indexrelid), pg_get_indexdef(i.indexrelid, 1, true)
  from pg_index i
  left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('p', 'u') and c.conrelid = i.indrelid
 where i.indrelid = %s::regclass
"""


@dataclass(frozen=True)
class Seen:
    """What one read came to: median seconds with its indexes and without, and the index that its plan uses."""

    read: Read
    having: float
    lacking: float
    index: str
    definition: str

    @property
    def times(self) -> float:
        """How many times faster."""
        return self.lacking / self.having

    @property
    def verdict(self) -> str:
        """What is not as it should be."""
        if not all(part.lower() in self.definition.lower() for part in self.read.meant):
            return "not the index meant"
        return "" if self.times >= self.read.least else "too slow"


def main() -> None:
    """Print the table."""
    with running(18, "shared_buffers = 1GB", "max_wal_size = 8GB") as server, fresh(server) as database:
        database.alembic("upgrade", "head")
        with database.connect() as connection:
            started = time.perf_counter()
            made = seed(connection, Plan(students=STUDENTS, years=YEARS))
            connection.commit()
            seconds = time.perf_counter() - started
            connection.autocommit = True
            connection.execute("vacuum analyze")
            seen = [_measure(connection, read) for read in READS]
    _show(seen, f"{sum(made.values()):,} rows, made in {seconds:.0f} s")


def _measure(connection: psycopg.Connection, read: Read) -> Seen:
    dice = random.Random(read.what)
    known = connection.execute(read.values.encode()).fetchall()
    values = [dice.choice(known) for _ in range(EACH)]
    index, definition = _index_of(connection, read, values[0])
    doomed = list(_doomed(connection, read.table, index))
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS):
        for side in (0, 1) if turn % 2 else (1, 0):
            with _without(connection, doomed if side else []):
                connection.execute(read.query.encode(), values[0], prepare=False)
                taken[side].extend(_timed(connection, read, each) for each in values)
    return Seen(read, median(taken[0]), median(taken[1]), index, definition)


def _timed(connection: psycopg.Connection, read: Read, values: tuple[Any, ...]) -> float:
    started = time.perf_counter()
    connection.execute(read.query.encode(), values, prepare=False).fetchall()
    return time.perf_counter() - started


def _index_of(connection: psycopg.Connection, read: Read, values: tuple[Any, ...]) -> tuple[str, str]:
    """The index by which the plan reaches the read's table, and its definition."""
    row = connection.execute(f"explain (format json) {read.query}".encode(), values).fetchone()
    assert row is not None
    names = [node["Index Name"] for node in _nodes(row[0][0]["Plan"]) if "Index Name" in node]
    definitions = {name: definition for name, _, definition, _ in connection.execute(INDEXES, [read.table]).fetchall()}
    return next(((name, definitions[name]) for name in names if name in definitions), ("none", ""))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _doomed(connection: psycopg.Connection, table: str, used: str) -> Iterator[str]:
    """The statements that leave what the baseline had of a table's indexes; a new table loses what leads like the one.

    Another index on the same column would else step in for the one meant, and hide what it is worth.
    """
    baseline = {row[1] for row in recorded().indexes if row[0] == table}
    indexes = connection.execute(INDEXES, [table]).fetchall()
    leads = {lead for name, _, _, lead in indexes if name == used}
    for name, constraint, _, lead in indexes:
        if name in baseline or (lead not in leads and not baseline) or name == f"{table}_pkey":
            continue
        if constraint:
            yield f"alter table {table} drop constraint {constraint} cascade"
        else:
            yield f"drop index {name}"


@contextmanager
def _without(connection: psycopg.Connection, doomed: list[str]) -> Iterator[None]:
    with connection.transaction(force_rollback=True):
        for statement in doomed:
            connection.execute(statement.encode())
        yield


def _show(seen: list[Seen], made: str) -> None:
    table = Table(title=f"Reads, {STUDENTS:,} students, {YEARS} years: {made}", title_justify="left")
    for column in ("read", "with", "without", "times faster", "at least", "index of the plan"):
        table.add_column(column, justify="left" if column in {"read", "index of the plan"} else "right")
    for each in seen:
        index = re.sub(rf"^(ix_)?{each.read.table}_", r"\1…_", each.index)
        table.add_row(
            each.read.what,
            f"{each.having * 1000:.2f} ms",
            f"{each.lacking * 1000:.2f} ms",
            f"{each.times:,.1f}",
            f"{each.read.least:g}",
            f"{index} {each.verdict}".strip(),
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
