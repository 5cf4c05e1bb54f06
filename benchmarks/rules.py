"""What the rules cost who writes: attendance and points, against the same tables without rules.

"Without rules" has the columns, the defaults, the foreign keys (the existing database has them) and the same indexes,
for reads need them, those of unique constraints as plain ones; but no check, unique constraint or trigger. "Nor foreign
keys" is that without foreign keys, so without anything that could refuse a row.
Each statement is a transaction that is on disk before the next, as on a school's server; FSYNC=off leaves that out.
STUDENTS in the environment sets the size of the school (2,000).
"""

import datetime as dt
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from benchmarks.measure import Comparison, medians, show
from ourschool.seed import Plan, seed
from tests.support.databases import fresh
from tests.support.servers import running

STUDENTS = int(os.environ.get("STUDENTS", "2000"))
FSYNC = os.environ.get("FSYNC", "on")
BOUND = 1.5
INDEXES = """
select case
           when exists (select from pg_constraint where conindid = indexrelid and contype = 'u')
           then replace(pg_get_indexdef(indexrelid), 'CREATE UNIQUE INDEX', 'CREATE INDEX')
           else pg_get_indexdef(indexrelid)
       end
  from pg_index
 where indrelid = %s::regclass
"""
FOREIGN_KEYS = "select pg_get_constraintdef(oid) from pg_constraint where conrelid = %s::regclass and contype = 'f'"
PLAIN, BARE = "plain", "bare"
"""Prefixes of the tables without rules, and of those without foreign keys either."""


@dataclass(frozen=True)
class Case:
    """Rows for one table: how many in a statement, and how many statements, each committed, in a round."""

    what: str
    table: str
    columns: tuple[str, ...]
    values: Callable[[list[int]], Iterator[tuple[object, ...]]]
    rows: int
    statements: int


def _attendance(students: list[int]) -> Iterator[tuple[object, ...]]:
    """A register a day, from a day on that no other row has."""
    for day in itertools.count():
        for student in students:
            yield student, dt.date(2100, 1, 1) + dt.timedelta(day), "present"


def _points(students: list[int]) -> Iterator[tuple[object, ...]]:
    teacher = min(students) - 1
    return ((student, 5, "earned", "assignment", teacher) for student in itertools.cycle(students))


ATTENDANCE = ("attendance_records", ("student_id", "date", "status"), _attendance)
POINTS = ("point_transactions", ("student_id", "amount", "type", "source", "awarded_by"), _points)
CASES = tuple(
    Case(f"{name}, {rows:,} a statement", table, columns, values, rows, statements)
    for name, (table, columns, values) in (("attendance", ATTENDANCE), ("points", POINTS))
    for rows, statements in ((1, 400), (25, 80), (1000, 4))
)


def main() -> None:
    """Print the tables."""
    # whoever is measured when the server vacuums, writes a checkpoint or fills a new WAL file would pay for all
    quiet = ("autovacuum = off", "max_wal_size = 20GB", "checkpoint_timeout = 1d", "wal_init_zero = off")
    with running(18, "shared_buffers = 512MB", f"fsync = {FSYNC}", *quiet) as server, fresh(server) as database:
        database.alembic("upgrade", "head")
        with database.connect() as connection:
            seed(connection, Plan(students=STUDENTS, years=1))
            connection.commit()
            connection.autocommit = True
            for table in sorted({case.table for case in CASES}):
                _copy(connection, table, BARE)
                _copy(connection, table, PLAIN)
                for (definition,) in connection.execute(FOREIGN_KEYS, [table]).fetchall():
                    connection.execute(f"alter table {PLAIN}_{table} add {definition}".encode())
            connection.execute("vacuum analyze")
            query = "select id from users where role = 'student' order by id"
            students = [student for (student,) in connection.execute(query).fetchall()]
            taken = {case.what: _measure(connection, case, students) for case in CASES}
    for side, theirs in ((1, "without rules"), (2, "nor foreign keys")):
        show(
            f"Rows inserted with the rules on, {STUDENTS:,} students, fsync {FSYNC}, PostgreSQL 18",
            theirs,
            [Comparison(what, each[0], each[side], BOUND) for what, each in taken.items()],
        )


def _copy(connection: psycopg.Connection, table: str, prefix: str) -> None:
    """Make `<prefix>_<table>`: its columns, defaults and indexes, and as many rows, so that the indexes are as deep."""
    name = f"{prefix}_{table}"
    copy, sequence = sql.Identifier(name), f"{name}_seq"
    connection.execute(sql.SQL("create table {} (like {} including defaults)").format(copy, sql.Identifier(table)))
    for (definition,) in connection.execute(INDEXES, [table]).fetchall():
        head, _, tail = definition.partition(f" ON public.{table} ")
        connection.execute(f"{head.replace(' INDEX ', f' INDEX {prefix}_')} on {name} {tail}".encode())
    connection.execute(sql.SQL("insert into {} select * from {}").format(copy, sql.Identifier(table)))
    # the keys of those rows are given; new ones go on after them
    connection.execute(sql.SQL("create sequence {} start 100000000").format(sql.Identifier(sequence)))
    connection.execute(
        sql.SQL("alter table {} alter column id set default nextval({})").format(copy, sql.Literal(sequence))
    )


def _measure(connection: psycopg.Connection, case: Case, students: list[int]) -> list[float]:
    """Seconds of a round into the table with its rules, without them, and without foreign keys either.

    All get the same rows, each from a stream of its own.
    """

    def writer(table: str) -> Callable[[], None]:
        values = itertools.islice(case.values(students), _offset(case), None)
        row = sql.SQL("({})").format(sql.SQL(", ").join(sql.Placeholder() * len(case.columns)))
        statement = sql.SQL("insert into {} ({}) values {}").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, case.columns)),
            sql.SQL(", ").join([row] * case.rows),
        )
        text = statement.as_string(connection).encode()

        def write() -> None:
            for _ in range(case.statements):
                gathered = itertools.islice(values, case.rows)
                connection.execute(text, list(itertools.chain.from_iterable(gathered)), prepare=True)

        return write

    tables = (case.table, f"{PLAIN}_{case.table}", f"{BARE}_{case.table}")
    return medians(*map(writer, tables), rounds=15)


def _offset(case: Case) -> int:
    """Cases of one table must not insert the same rows."""
    return CASES.index(case) * 20 * 4000


if __name__ == "__main__":
    main()
