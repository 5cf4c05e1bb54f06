"""Rules that two connections try to break between them: one has written and not committed when the other writes."""

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.support.databases import Database

PERSON = """
insert into users (email, username, hashed_password, first_name, last_name, role)
values ('{}', '{}', '-', '', '', 'student')
"""
TERM = """
insert into terms (name, start_date, end_date, academic_year, is_active, created_by)
values ('{}', '2024-09-01', '2025-01-31', '2024-2025', true, 1)
"""
FIRST_WINS = {
    "one email": (PERSON.format("new@x", "new"), PERSON.format("NEW@x", "newer")),
    "one username": (PERSON.format("new@x", "new"), PERSON.format("newer@x", "New")),
    "one subject": ("insert into subjects (name) values ('Art')", "insert into subjects (name) values ('ART')"),
    "one active term": (TERM.format("Autumn"), TERM.format("Spring")),
    "one open enrolment": (
        "insert into enrollments (student_id, class_id) values (3, 1)",
        "insert into enrollments (student_id, class_id, joined_on) values (3, 1, '2020-01-01')",
    ),
    "one primary guardian": (
        "insert into guardianships (guardian_id, student_id, is_primary) values (1, 3, true)",
        "insert into guardianships (guardian_id, student_id, is_primary) values (2, 3, true)",
    ),
    "one pending request": (
        "insert into withdrawal_requests (student_id) values (3)",
        "insert into withdrawal_requests (student_id, reason) values (3, 'moving away')",
    ),
    "one active key of a prefix": (
        "insert into api_keys (user_id, name, prefix, key_hash) values (1, 'a', 'os_1', 'a')",
        "insert into api_keys (user_id, name, prefix, key_hash) values (2, 'b', 'os_1', 'b')",
    ),
    "one fee a month": (
        "insert into fees (student_id, period, amount_due) values (3, '2025-01-01', 1)",
        "insert into fees (student_id, period, amount_due) values (3, '2025-01-01', 2)",
    ),
}
TEST = "insert into tests (id, title, held_on, max_marks) values (1, 'Fractions', '2025-01-10', 100)"
HIGH = "insert into marks (test_id, student_id, marks) values (1, 3, 90)"
RAISE = "update marks set marks = 90"
LOWER = "update tests set max_marks = 50"


def race(database: Database, first: str, second: str, isolation: str = "read committed") -> psycopg.Error | None:
    """The first writes; the second comes and waits; the first commits. What the second came to, None for success."""
    with (
        ThreadPoolExecutor(1) as pool,
        database.connect() as one,
        database.connect() as other,
        database.connect(autocommit=True) as watch,
    ):
        other.execute(f"set transaction isolation level {isolation}".encode())
        other.execute("select count(*) from marks")  # the snapshot of a repeatable read is taken here
        one.execute(first.encode())

        def come_second() -> psycopg.Error | None:
            try:
                other.execute(second.encode())
                other.commit()
            except psycopg.Error as fault:
                other.rollback()
                return fault
            return None

        ended = pool.submit(come_second)
        while not ended.done() and not waits(watch, other.info.backend_pid):
            time.sleep(0.01)
        one.commit()
        return ended.result(30)


def waits(watch: psycopg.Connection, pid: int) -> bool:
    row = watch.execute("select cardinality(pg_blocking_pids(%s)) > 0", [pid]).fetchone()
    return row is not None and bool(row[0])


@pytest.mark.parametrize("rule", FIRST_WINS)
def test_of_two_at_once_the_first_wins(school: Database, rule: str) -> None:
    assert isinstance(race(school, *FIRST_WINS[rule]), psycopg.errors.UniqueViolation)


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize(
    ("before", "mark"), [((), HIGH), (("insert into marks (test_id, student_id, marks) values (1, 3, 1)",), RAISE)]
)
def test_a_mark_and_a_lower_maximum_at_once(
    school: Database, before: tuple[str, ...], mark: str, isolation: str
) -> None:
    """In either order and at every isolation level one of the two is refused."""
    school.execute(TEST, *before)
    fault = race(school, mark, LOWER, isolation)
    assert isinstance(fault, (psycopg.errors.CheckViolation, psycopg.errors.SerializationFailure))
    school.execute("delete from marks", *before)
    fault = race(school, LOWER, mark, isolation)
    assert isinstance(fault, (psycopg.errors.IntegrityError, psycopg.errors.SerializationFailure))
    assert school.rows("select marks from marks join tests on tests.id = test_id where marks > tests.max_marks") == []


def test_the_maximum_may_follow_the_marks(school: Database) -> None:
    school.execute(TEST, HIGH, "update tests set max_marks = 90.5")
    assert school.rows("select max_marks::text from marks") == [("90.5",)]
    school.execute("update marks set max_marks = 1000000")
    assert school.rows("select max_marks::text from marks") == [("90.5",)], "nobody gives a mark another maximum"
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="no test 7"):
        school.execute("insert into marks (test_id, student_id, marks) values (7, 3, 1)")
