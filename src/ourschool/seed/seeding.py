"""Fills an empty database at head with the school of a plan, in one transaction."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from ourschool import models
from ourschool.seed import communication, curriculum, fees, journal, office, people
from ourschool.seed.classroom import Classroom
from ourschool.seed.copying import Copier, Rows
from ourschool.seed.grades import Grades, Register
from ourschool.seed.plan import Plan, TermDays
from ourschool.seed.points import Ledger
from ourschool.seed.school import ClassYear, School
from ourschool.seed.words import draw
from surefoot.errors import RefusedError
from surefoot.program import alembic_command

FROM_REVISIONS = frozenset({"assignment_types"})
"""Tables that have rows at head before a school is seeded."""
KNOWN_COLUMNS = """
select c.relname, a.attname
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where c.relkind in ('r', 'p')
   and pg_table_is_visible(c.oid)
   and c.relname = any(%s)
"""
SET_KEYS = "select setval(pg_get_serial_sequence({name}, 'id'), max(id)) from {table} having max(id) is not null"


def seed(
    connection: psycopg.Connection[Any], plan: Plan, advance: Callable[[int], None] = lambda _: None
) -> dict[str, int]:
    """Fill an empty database at head with the school of `plan`; return the number of rows by table.

    All rows are copied in one transaction. Triggers are enabled, so what they write (the balances of points, the log
    of the settings) is written too, with the current time. `advance` is called with the number of rows copied since
    its last call.

    Raises RefusedError where the database is not at head or has rows in a table of the school, SeedMissing without the
    extra `seed`.
    """
    words = draw(plan.random_seed)
    with connection.transaction():
        _refuse_unless_empty_at_head(connection)
        copier = Copier(connection, advance)
        copier.copy(rows(School(plan, words)))
        for table in models.metadata.sorted_tables:
            name = sql.Identifier(table.name)
            connection.execute(sql.SQL(SET_KEYS).format(name=sql.Literal(table.name), table=name))
            connection.execute(sql.SQL("analyze {}").format(name))
    return copier.rows


def rows(school: School) -> Rows:
    """Yield all rows of the school, each after those that it refers to."""
    ledger = Ledger(school)
    yield from people.accounts(school)
    yield from curriculum.prepared(school)
    yield from people.about_people(school)
    yield from office.settings(school)
    yield from ledger.items()
    days = _Days(school, ledger)
    for term in school.plan.terms:
        if term.start <= school.plan.last_day:
            yield from days.term(term)
    yield from office.withdrawals(school, school.plan.random_stream("last day"), school.plan.last_day)


class _Days:
    """Makes the rows of the terms, day by day."""

    def __init__(self, school: School, ledger: Ledger) -> None:
        self.school = school
        self.ledger = ledger
        self.classroom = Classroom(school, ledger)
        self.grades = Grades(school)
        self.rngs = {part: school.plan.random_stream(part) for part in ("fees", "journal", "messages", "office")}

    def term(self, term: TermDays) -> Rows:
        """Yield the rows of one term, to its end or to the plan's last day."""
        registers = {each.id: Register() for each in self.school.of_year(term)}
        month = 0
        for nth, day in enumerate(term.days()):
            if day > self.school.plan.last_day:
                break
            if nth % 10 == 4:
                yield from communication.to_all(self.school, self.rngs["messages"], day)
            if nth % 30 == 7:
                yield from communication.resource(self.school, self.rngs["messages"], None, day)
            for each in self.school.of_year(term):
                if day.month != month:
                    yield from self._month(each, day)
                if day.weekday() in each.weekdays:
                    yield from self.classroom.day(each, registers[each.id], term, day)
                    yield from journal.afternoon(self.school, self.ledger, self.rngs["journal"], each, day)
            month = day.month
            yield from office.audit(self.school, self.rngs["office"], day)
            if day < self.school.plan.last_day:
                yield from office.withdrawals(self.school, self.rngs["office"], day)
        for each in self.school.of_year(term):
            yield from self.grades.term(each, registers[each.id], term)

    def _month(self, each: ClassYear, day: dt.date) -> Rows:
        yield from communication.to_class(self.school, self.rngs["messages"], each, day)
        for student in each.present(day):
            yield from fees.month(self.school, self.rngs["fees"], student, each.grade, day)
            yield from self.ledger.month(student, day)


def _refuse_unless_empty_at_head(connection: psycopg.Connection[Any]) -> None:
    """Raise RefusedError unless the database is at head and empty; lock it against a second seed."""
    tables = models.metadata.sorted_tables
    known = set(connection.execute(KNOWN_COLUMNS, [[table.name for table in tables]]).fetchall())
    missing = [f"{table.name}.{column.name}" for table in tables for column in table.columns
               if (table.name, column.name) not in known]  # fmt: skip
    if missing:
        raise RefusedError(
            f"The database is not at head: it lacks {missing[0]}"
            + (f" and {len(missing) - 1} columns more." if len(missing) > 1 else "."),
            f"Bring it to head with {alembic_command()} upgrade head, then seed it.",
        )
    connection.execute("lock table users in share row exclusive mode")
    filled = [
        table.name
        for table in tables
        if table.name not in FROM_REVISIONS
        and connection.execute(sql.SQL("select 1 from {} limit 1").format(sql.Identifier(table.name))).fetchone()
    ]
    if filled:
        raise RefusedError(
            f"The database has rows already, in {', '.join(filled[:5])}{' and more' if filled[5:] else ''}.",
            f"Seed an empty database only: make one with createdb and {alembic_command()} upgrade head.",
        )
