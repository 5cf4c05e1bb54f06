"""17d4b8e26fa9: NULL becomes what the application meant by it, row by row; what had a value keeps it."""

import threading

import psycopg
import pytest

from tests.ourschool.existing.rows import TABLES
from tests.ourschool.history.schools import BASELINE, catalogue, columns, counted, downgrade, make_existing, upgrade
from tests.support.databases import Database

REVISION, BEFORE = "17d4b8e26fa9", "c5e7a1f03b68"

SCHOOL = """
    insert into users (id, email, username, hashed_password, first_name, last_name, role, is_active, created_at,
        updated_at)
    values (1, 'a', 'a', '-', 'A', 'A', 'admin', null, null, null),
           (2, 'b', 'b', '-', 'B', 'B', 'student', null, '2020-01-01 00:00Z', null),
           (3, 'c', 'c', '-', 'C', 'C', 'student', false, null, '2020-02-02 00:00Z');
    insert into subjects (id, name, color, created_at) values (1, 'Art', null, null), (2, 'PE', '', '2020-01-01Z');
    insert into terms (id, name, start_date, end_date, academic_year, term_type, is_active, term_order, created_at,
        updated_at, created_by)
    values (1, 'T', '2024-09-01', '2024-12-20', '24', null, null, null, null, '2020-03-03Z', 1),
           (2, 'U', '2024-09-01', '2024-12-20', '24', 'quarter', false, 7, '2020-01-01Z', '2020-01-02Z', 1);
    insert into term_subjects (id, term_id, subject_id, is_active, weight, created_at)
    values (1, 1, 1, null, null, null), (2, 2, 1, false, 0, '2020-01-01Z');
    insert into lessons (id, title, scheduled_date, lesson_order, created_at, updated_at)
    values (1, 'L', '2024-09-02', null, null, null), (2, 'M', '2024-09-02', 5, null, '2020-04-04Z');
    insert into assignment_templates (id, name, subject_id, created_by, is_exportable, order_in_lesson, created_at,
        updated_at)
    values (1, 'W', 1, 1, null, null, '2020-05-05Z', null), (2, 'X', 1, 1, false, 3, null, null);
    insert into lesson_assignments (id, lesson_id, assignment_template_id, order_in_lesson, is_required, created_at)
    values (1, 1, 1, null, null, null), (2, 1, 2, 4, false, '2020-01-01Z');
    insert into attendance_records (id, student_id, date, status, created_at, updated_at)
    values (1, 2, '2024-03-10', 'late', null, null), (2, 2, '2024-03-10', 'late', '2020-01-01Z', null),
           (3, 2, '2024-11-03', 'late', null, '2020-06-06Z');
    insert into student_term_grades (id, student_id, term_subject_id, is_finalized, finalized_date,
        assignments_completed, assignments_total, created_at, updated_at, last_calculated)
    values (1, 2, 1, null, null, null, null, null, null, null), (2, 2, 2, null, '2024-12-20', 3, 4, null, null, null),
           (3, 3, 1, false, '2024-12-20', 0, null, '2020-01-01Z', '2020-01-02Z', null);
    insert into grade_history (id, student_term_grade_id, field_name, changed_by, changed_at)
    values (1, 1, 'x', 1, null), (2, 1, 'x', 1, '2020-01-01Z');
    insert into journal_entries (id, student_id, author_id, title, content, entry_date, created_at, updated_at)
    values (1, 2, 1, '', '', '2024-03-10 08:00Z', null, null), (2, 2, 1, '', '', '2024-03-10 08:00Z', '2020-01-01Z',
        null), (3, 2, 1, '', '', '2024-03-10 08:00Z', null, '2020-07-07Z');
    insert into student_assignments (id, template_id, student_id, assigned_by, assigned_date, status, is_graded,
        started_date, completed_date, submitted_date, graded_date, time_spent_minutes, created_at, updated_at)
    values (1, 1, 2, 1, '2024-03-10', null, null, null, null, null, null, null, null, null),
           (2, 1, 2, 1, '2024-03-10', null, null, '2024-03-11', null, null, null, 5, '2020-01-01Z', null),
           (3, 1, 2, 1, '2024-03-10', null, null, '2024-03-11', '2024-03-12', null, null, null, null, '2020-08-08Z'),
           (4, 1, 2, 1, '2024-03-10', null, null, null, null, '2024-03-12', null, null, null, null),
           (5, 1, 2, 1, '2024-03-10', null, null, null, null, '2024-03-12', '2024-03-13', null, null, null),
           (6, 1, 2, 1, '2024-03-10', null, true, null, null, null, null, null, null, null),
           (7, 1, 2, 1, '2024-03-10', 'graded', null, null, null, null, null, null, null, null),
           (8, 1, 2, 1, '2024-03-10', 'submitted', null, null, null, null, '2024-03-13', null, null, null),
           (9, 1, 2, 1, '2024-03-10', 'completed', false, null, null, null, '2024-03-13', 0, null, null),
           (10, 1, 2, 1, '2024-03-10', 'excused', null, null, null, null, null, null, null, null),
           (11, 1, 2, 1, '2024-03-10', null, false, null, null, null, null, null, null, null);
"""

NOW = "now"
"""Stands for the time of the run: nothing nearer was known."""

FILLED = {
    "select id, is_active, created_at, updated_at from users": [
        (1, True, NOW, NOW), (2, True, "2020-01-01", "2020-01-01"), (3, False, "2020-02-02", "2020-02-02"),
    ],
    "select id, color, created_at from subjects": [(1, "#3B82F6", NOW), (2, "", "2020-01-01")],
    "select id, term_type::text, is_active, term_order, created_at, updated_at from terms": [
        (1, "custom", False, 0, "2020-03-03", "2020-03-03"), (2, "quarter", False, 7, "2020-01-01", "2020-01-02"),
    ],
    "select id, is_active, weight, created_at from term_subjects": [(1, True, 1.0, NOW), (2, False, 0.0, "2020-01-01")],
    "select id, lesson_order, created_at, updated_at from lessons": [
        (1, 0, NOW, NOW), (2, 5, "2020-04-04", "2020-04-04"),
    ],
    "select id, is_exportable, order_in_lesson, created_at, updated_at from assignment_templates": [
        (1, True, 0, "2020-05-05", "2020-05-05"), (2, False, 3, NOW, NOW),
    ],
    "select id, order_in_lesson, is_required, created_at from lesson_assignments": [
        (1, 0, True, NOW), (2, 4, False, "2020-01-01"),
    ],
    "select id, created_at, updated_at from attendance_records": [
        (1, "2024-03-10", "2024-03-10"), (2, "2020-01-01", "2020-01-01"), (3, "2020-06-06", "2020-06-06"),
    ],
    """select id, is_finalized, assignments_completed, assignments_total, created_at, updated_at, last_calculated
         from student_term_grades""": [
        (1, False, 0, 0, NOW, NOW, None), (2, True, 3, 4, NOW, NOW, None),
        (3, False, 0, 0, "2020-01-01", "2020-01-02", None),
    ],
    "select id, changed_at from grade_history": [(1, NOW), (2, "2020-01-01")],
    "select id, created_at, updated_at from journal_entries": [
        (1, "2024-03-10 08:00", "2024-03-10 08:00"), (2, "2020-01-01", "2020-01-01"), (3, "2020-07-07", "2020-07-07"),
    ],
    "select id, status::text, is_graded, time_spent_minutes, created_at, updated_at from student_assignments": [
        (1, "not_started", False, 0, "2024-03-10", "2024-03-10"),
        (2, "in_progress", False, 5, "2020-01-01", "2020-01-01"),
        (3, "submitted", False, 0, "2020-08-08", "2020-08-08"),
        (4, "submitted", False, 0, "2024-03-10", "2024-03-10"),
        (5, "graded", True, 0, "2024-03-10", "2024-03-10"),
        (6, "graded", True, 0, "2024-03-10", "2024-03-10"),
        (7, "graded", True, 0, "2024-03-10", "2024-03-10"),
        (8, "submitted", True, 0, "2024-03-10", "2024-03-10"),
        (9, "completed", False, 0, "2024-03-10", "2024-03-10"),
        (10, "excused", False, 0, "2024-03-10", "2024-03-10"),
        (11, "not_started", False, 0, "2024-03-10", "2024-03-10"),
    ],
}  # fmt: skip
"""What each table must hold afterwards; instants in UTC, without a midnight's zeros."""
MEANT = {
    "select id, is_active, created_at, updated_at from users": [
        (1, None, NOW, NOW), (2, None, "2020-01-01", "2020-01-01"), (3, False, "2020-02-02", "2020-02-02"),
    ],
    "select id, is_exportable, order_in_lesson, created_at, updated_at from assignment_templates": [
        (1, None, 0, "2020-05-05", "2020-05-05"), (2, False, 3, NOW, NOW),
    ],
}  # fmt: skip
"""What the way back gives back: the two flags whose NULL 9ad05485e457 keeps."""

NEVER_NULL = """
    select relname || '.' || attname
      from pg_attribute
      join pg_class on pg_class.oid = attrelid
     where relnamespace = 'public'::regnamespace and relkind = 'r' and attnotnull and attnum > 0
     order by 1
"""


def table_as_text(database: Database, query: str) -> list[tuple[object, ...]]:
    """The rows, an instant as its text in UTC, one of the last minute as `now`."""
    with database.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        (now,) = connection.execute("select now()").fetchall()[0]
        rows = connection.execute(query.encode() + b" order by id").fetchall()

    def shown(value: object) -> object:
        if not hasattr(value, "astimezone"):
            return value
        assert hasattr(value, "isoformat")
        recent = abs((now - value).total_seconds()) < 60
        return NOW if recent else value.isoformat(" ", "minutes").removesuffix("+00:00").removesuffix(" 00:00")

    return [tuple(shown(value) for value in row) for row in rows]


@pytest.fixture
def before(database: Database) -> Database:
    upgrade(database, BEFORE)
    return database


@pytest.mark.promise("C4")
def test_every_rule_up_down_and_up(before: Database) -> None:
    before.execute(*(each for each in SCHOOL.split(";") if each.strip()))
    nullable, rows = before.rows(NEVER_NULL), counted(before)
    for _ in range(2):
        upgrade(before, REVISION)
        for query, expected in FILLED.items():
            assert table_as_text(before, query) == expected
        with pytest.raises(psycopg.errors.NotNullViolation):
            before.execute("update student_assignments set status = null where id = 1")
        downgrade(before, BEFORE)
        for query, expected in (FILLED | MEANT).items():
            assert table_as_text(before, query) == expected, "the way back takes nothing but what NULL meant"
        assert before.rows(NEVER_NULL) == nullable
    assert counted(before) == rows


@pytest.mark.promise("C4")
def test_of_a_whole_school_no_value_that_was_there_changes(database: Database) -> None:
    make_existing(database)
    upgrade(database, BEFORE)
    before = {table: database.rows(f"select to_jsonb(t) from {table} t order by id") for table in TABLES}
    upgrade(database, REVISION)
    for table, rows in before.items():
        after = database.rows(f"select to_jsonb(t) from {table} t order by id")
        assert len(after) == len(rows)
        for (old,), (new,) in zip(rows, after, strict=True):
            assert isinstance(old, dict)
            assert isinstance(new, dict)
            kept = {name: value for name, value in old.items() if value is not None}
            assert kept.items() <= new.items(), f"{table} {old['id']}"


@pytest.mark.promise("O12")
def test_a_big_table_is_filled_in_batches_and_gaps_cost_nothing(before: Database) -> None:
    before.execute(
        "insert into users (id, email, username, hashed_password, first_name, last_name, role) "
        "values (1, 'a', 'a', '-', 'A', 'A', 'student')",
        "insert into attendance_records (id, student_id, date, status, created_at, updated_at) "
        "select case n when 12345 then 2147483647 else n end, 1, '2024-01-01', 'late', null, null "
        "from generate_series(1, 12345) as n",
    )
    upgrade(before, REVISION)
    assert before.value("select count(*) from attendance_records where created_at = '2024-01-01 00:00Z'") == 12345
    batches = before.rows("select count(*), max(id) from attendance_records group by xmin::text order by 2")
    assert batches == [(5000, 5000), (5000, 10000), (2344, 12344), (1, 2147483647)]
    slowest = before.value("select extract(epoch from max(duration)) from migration_journal")
    assert float(str(slowest)) < 20, "the gap was walked through: 430,000 batches, which take minutes"


def test_rows_that_others_write_meanwhile_are_filled_too(before: Database) -> None:
    before.execute(
        "insert into users (id, email, username, hashed_password, first_name, last_name, role) "
        "values (1, 'a', 'a', '-', 'A', 'A', 'student')",
        "insert into attendance_records (student_id, date, status, created_at) "
        "select 1, '2024-01-01', 'late', null from generate_series(1, 30000)",
    )
    written, refused, over = [0], [0], threading.Event()

    def write() -> None:
        with before.connect(autocommit=True) as connection:
            while not over.is_set():
                try:
                    connection.execute(
                        "insert into attendance_records (student_id, date, status, created_at, updated_at) "
                        "values (1, '2024-06-01', 'late', null, null)"
                    )
                    written[0] += 1
                except psycopg.errors.IntegrityError:
                    refused[0] += 1

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        upgrade(before, REVISION)
    finally:
        over.set()
        for writer in writers:
            writer.join()
    assert written[0] > 0
    assert before.value("select count(*) from attendance_records") == 30000 + written[0]
    filled = "select count(*) from attendance_records where updated_at = '2024-06-01 00:00Z'"
    assert before.value(filled) == written[0]


def test_what_a_run_that_was_cut_off_left_is_taken_up(before: Database) -> None:
    """Some columns done, one table with its CHECK, one with it validated: any point at which a run can end."""
    before.execute(
        "alter table subjects alter color set not null",
        "alter table users add constraint users_17d4b8e26fa9_check check (is_active is not null) not valid",
        "alter table lessons add constraint lessons_17d4b8e26fa9_check check (lesson_order is not null)",
        "insert into lessons (title, scheduled_date, created_at) values ('L', '2024-09-02', null)",
    )
    upgrade(before, REVISION)
    after = catalogue(before)
    downgrade(before, BASELINE)
    upgrade(before, REVISION)
    assert catalogue(before) == after
    assert "17d4b8e26fa9" not in str(after)
    assert columns(before, "select title, created_at is null from lessons") == {"L": False}
