"""What the rules cost who writes: attendance and points, against the same tables without rules.

"Without" has the columns, the defaults and the same indexes, for reads need them, those of unique constraints as plain
ones; but no foreign key, check, unique constraint or trigger.
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

from benchmarks.measure import Comparison, in_turn, show
from ourschool.operate.seed import Plan, seed
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
    """Print the table."""
    with running(18, "shared_buffers = 512MB", f"fsync = {FSYNC}") as server, fresh(server) as database:
        database.alembic("upgrade", "head")
        with database.connect() as connection:
            seed(connection, Plan(students=STUDENTS, years=1))
            connection.commit()
            connection.autocommit = True
            for table in sorted({case.table for case in CASES}):
                _without_rules(connection, table)
            connection.execute("vacuum analyze")
            query = "select id from users where role = 'student' order by id"
            students = [student for (student,) in connection.execute(query).fetchall()]
            rows = [_compare(connection, case, students) for case in CASES]
    show(f"Rows inserted with the rules on, {STUDENTS:,} students, fsync {FSYNC}, PostgreSQL 18", "without rules", rows)


def _without_rules(connection: psycopg.Connection, table: str) -> None:
    bare = sql.Identifier(f"bare_{table}")
    connection.execute(
        sql.SQL("create table {} (like {} including defaults including identity)").format(bare, sql.Identifier(table))
    )
    for (definition,) in connection.execute(INDEXES, [table]).fetchall():
        head, _, tail = definition.partition(f" ON public.{table} ")
        connection.execute(f"{head.replace(' INDEX ', ' INDEX bare_')} on bare_{table} {tail}".encode())
    # as many rows in it, so that its indexes are as deep; their keys are given, and new ones go on after them
    connection.execute(
        sql.SQL("insert into {} overriding system value select * from {}").format(bare, sql.Identifier(table))
    )
    connection.execute(
        sql.SQL("alter table {} alter column id drop identity if exists, alter column id set default 0").format(bare)
    )
    connection.execute(sql.SQL("create sequence {} start 100000000").format(sql.Identifier(f"bare_{table}_seq")))
    connection.execute(
        sql.SQL("alter table {} alter column id set default nextval({})").format(bare, sql.Literal(f"bare_{table}_seq"))
    )


def _compare(connection: psycopg.Connection, case: Case, students: list[int]) -> Comparison:
    """Both tables get the same rows, each from a stream of its own."""

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

    return in_turn(case.what, writer(case.table), writer(f"bare_{case.table}"), rounds=11, bound=BOUND)


def _offset(case: Case) -> int:
    """Cases of one table must not insert the same rows."""
    return CASES.index(case) * 12 * 4000


if __name__ == "__main__":
    main()
