"""Fills the twelve tables of an existing database, at any size, with every awkward value that real ones held."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import psycopg
from psycopg import sql

from tests.ourschool.existing import attendance, coursework, people, plan, records
from tests.ourschool.existing.people import Row
from tests.ourschool.existing.size import SMALL, School, Size

__all__ = ["SMALL", "Counts", "Size", "checksums", "fill"]

Source = Callable[[School, int], Iterator[Row]]

TABLES: dict[str, tuple[tuple[str, ...], Source]] = {
    "users": (people.USERS, people.users),
    "subjects": (plan.SUBJECTS, plan.subjects),
    "terms": (plan.TERMS, plan.terms),
    "term_subjects": (plan.TERM_SUBJECTS, plan.term_subjects),
    "lessons": (plan.LESSONS, plan.lessons),
    "assignment_templates": (plan.TEMPLATES, plan.templates),
    "lesson_assignments": (plan.LESSON_ASSIGNMENTS, plan.lesson_assignments),
    "student_assignments": (coursework.STUDENT_ASSIGNMENTS, coursework.student_assignments),
    "attendance_records": (attendance.ATTENDANCE_RECORDS, attendance.attendance_records),
    "student_term_grades": (records.STUDENT_TERM_GRADES, records.term_grades),
    "grade_history": (records.GRADE_HISTORY, records.grade_history),
    "journal_entries": (records.JOURNAL_ENTRIES, records.journal_entries),
}
"""In an order that the foreign keys allow."""

COPY = "copy {} ({}) from stdin"

SET_SEQUENCE = """
select setval(pg_get_serial_sequence({name}, 'id'), max(id))
from {table}
"""

CHECKSUM = """
select coalesce(md5(string_agg(md5(row_of::text), '' order by id)), '')
from {table} as row_of
"""


@dataclass(frozen=True)
class Counts:
    """How many rows each table was given."""

    users: int
    subjects: int
    terms: int
    term_subjects: int
    lessons: int
    assignment_templates: int
    lesson_assignments: int
    student_assignments: int
    attendance_records: int
    student_term_grades: int
    grade_history: int
    journal_entries: int

    @property
    def total(self) -> int:
        return sum(asdict(self).values())


def fill(connection: psycopg.Connection, size: Size = SMALL, seed: int = 1) -> Counts:
    """Fill the empty tables of a database at the baseline and set its sequences to the highest ids.

    All in one transaction, committed unless the caller has one open. The same size and seed give the same rows.

    Raises:
        psycopg.Error: the tables are not those of the baseline, or hold rows already; nothing was added then.
    """
    school = School(size)
    with connection.transaction(), connection.cursor() as cursor:
        return Counts(
            **{table: _copy(cursor, table, columns, rows(school, seed)) for table, (columns, rows) in TABLES.items()}
        )


def checksums(connection: psycopg.Connection) -> dict[str, str]:
    """An MD5 of all rows of each table as text, in order of id: equal for equal content, whatever its place on disk."""
    return {
        table: connection.execute(sql.SQL(CHECKSUM).format(table=sql.Identifier(table))).fetchall()[0][0]
        for table in TABLES
    }


def _copy(cursor: psycopg.Cursor, table: str, columns: tuple[str, ...], rows: Iterator[Row]) -> int:
    name = sql.Identifier(table)
    with cursor.copy(sql.SQL(COPY).format(name, sql.SQL(", ").join(map(sql.Identifier, columns)))) as copy:
        for row in rows:
            copy.write_row(row)
    written = cursor.rowcount
    cursor.execute(sql.SQL(SET_SEQUENCE).format(name=sql.Literal(table), table=name))
    return written
