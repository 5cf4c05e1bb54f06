"""States become text, floats numeric, JSON jsonb: every value asserted, and the way back gives each as it was."""

import logging
import math
from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest

from tests.ourschool.existing.awkward import FLOATS, INVALID_JSON, VALID_JSON
from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import CHAIN, at, catalogue, columns, cut_off, downgrade, upgrade
from tests.ourschool.history.small import PERSON, SCHOOL, contents
from tests.support.databases import Database, fresh
from tests.support.servers import programs, running

COMPLETED, TEXT, NUMERIC, JSON = "62d0b7f4a93e", "1f95c3e8d704", "a83e41d6905b", "c06f5d8137be"
BELOW = {revision: CHAIN[CHAIN.index(revision) - 1] for revision in (COMPLETED, TEXT, NUMERIC, JSON)}
ASSIGNED = """
insert into student_assignments (id, template_id, student_id, assigned_date, assigned_by, {column})
values ({id}, 1, 3, '2025-01-01', 2, {value})
"""
STATES = ("not_started", "in_progress", "completed", "submitted", "graded", "overdue", "excused")
STATUS = "select id, status::text from student_assignments order by id"
ENUMS = "select typname::text from pg_type where typtype = 'e' and typnamespace = 'public'::regnamespace order by 1"


def prepare(at_revision: Stop, revision: str) -> Database:
    database = at_revision(BELOW[revision])
    database.execute(*SCHOOL)
    return database


def status_before(at_revision: Stop) -> Database:
    database = prepare(at_revision, COMPLETED)
    for number, state in enumerate(STATES * 2, 10):
        database.execute(ASSIGNED.format(id=number, column="status", value=f"'{state}'"))
    return database


def test_completed_is_submitted_and_on_the_way_back_exactly_those_that_were_are_completed(at_revision: Stop) -> None:
    database = status_before(at_revision)
    there, rows, was = catalogue(database), contents(database), columns(database, STATUS)
    upgrade(database, COMPLETED)
    became = columns(database, STATUS)
    assert became == {key: "submitted" if state == "completed" else state for key, state in was.items()}
    assert columns(database, f"select id, status::text from retired.student_assignments_status_{COMPLETED}") == was
    assert ("assignmentstatus",) not in database.rows(ENUMS)
    for state in ("completed", "lost", ""):
        with pytest.raises(psycopg.errors.CheckViolation):
            database.execute(f"update student_assignments set status = '{state}'")
    head, values = catalogue(database), contents(database)
    downgrade(database, BELOW[COMPLETED])
    assert (catalogue(database), contents(database)) == (there, rows)
    upgrade(database, COMPLETED)
    assert (catalogue(database), contents(database)) == (head, values)


def test_a_state_that_changed_since_is_the_one_that_goes_back(at_revision: Stop) -> None:
    database = status_before(at_revision)
    upgrade(database, COMPLETED)
    database.execute(
        "update student_assignments set status = 'excused' where id = 12",  # completed before
        "update student_assignments set status = 'submitted' where id = 10",  # not started before
        "update student_assignments set teacher_feedback = 'well done' where id = 19",  # completed before
        ASSIGNED.format(id=90, column="status", value="'submitted'"),
    )
    downgrade(database, BELOW[COMPLETED])
    states = columns(database, STATUS)
    assert (states[12], states[10], states[19], states[90]) == ("excused", "submitted", "completed", "submitted")
    database.execute("update student_assignments set status = 'completed' where id = 10")
    upgrade(database, COMPLETED)
    assert columns(database, STATUS)[10] == "submitted"


def test_an_application_that_wrote_completed_to_the_last_moment_does_not_stop_it(at_revision: Stop) -> None:
    """The text column stands, its CHECK does not yet: as after a run that was cut off there."""
    database = status_before(at_revision)
    upgrade(database, COMPLETED)
    head = catalogue(database)
    database.execute(
        "alter table student_assignments drop constraint student_assignments_status_check",
        "update student_assignments set status = 'completed' where id = 10",
        f"update alembic_version set version_num = '{BELOW[COMPLETED]}'",
    )
    upgrade(database, COMPLETED)
    assert columns(database, STATUS)[10] == "submitted"
    assert catalogue(database) == head


def test_roles_attendance_and_term_types_stay_what_they_are(at_revision: Stop) -> None:
    database = prepare(at_revision, TEXT)
    database.execute(
        *(f"insert into attendance_records (id, student_id, date, status) values ({10 + n}, 3, '2025-02-0{n}', '{s}')"
          for n, s in enumerate(("present", "absent", "late", "excused"), 1)),
        *("insert into terms (id, name, start_date, end_date, academic_year, created_by, term_type) "
          f"values ({10 + n}, 'T', '2024-09-01', '2025-01-31', '2024-2025', 2, '{kind}')"
          for n, kind in enumerate(("semester", "quarter", "trimester", "custom"))),
    )  # fmt: skip
    there, rows = catalogue(database), contents(database)
    upgrade(database, TEXT)
    assert contents(database) == rows, "a parent who is an admin stays one: nobody loses a right"
    assert database.rows(ENUMS) == [("assignmenttype",), ("difficultylevel",)]
    database.execute(
        PERSON.format(id=5, first="Tea", role="teacher", parent="null"),
        "update users set role = 'guardian' where id = 2",
    )
    head, values = catalogue(database), contents(database)
    downgrade(database, BELOW[TEXT])
    assert catalogue(database) == there
    assert columns(database, "select id, role::text from users") == {
        1: "admin", 2: "admin", 3: "student", 4: "student", 5: "admin",
    }  # fmt: skip
    database.execute("update users set role = 'student' where id = 5")
    upgrade(database, TEXT)
    roles = columns(database, "select id, role from users")
    assert (catalogue(database), roles[2], roles[5]) == (head, "guardian", "student")
    database.execute("update users set role = 'teacher' where id = 5")
    assert contents(database) == values
    for table, column in (("users", "role"), ("terms", "term_type"), ("attendance_records", "status")):
        with pytest.raises(psycopg.errors.CheckViolation):
            database.execute(f"update {table} set {column} = 'nobody knows'")


DOUBLES = (
    *(value for value in FLOATS if value is not None), -0.1, 1e300, 5e-324, 1.7976931348623157e308, 123456.7,
    math.pi, 2.0**53 + 2, -0.0,
)  # fmt: skip
STRANGE = ("NaN", "Infinity", "-Infinity")


def test_no_digit_of_a_float_is_lost_and_the_doubles_come_back_to_the_last_bit(at_revision: Stop) -> None:
    database = prepare(at_revision, NUMERIC)
    with database.connect(autocommit=True) as connection:
        connection.execute("select set_config('extra_float_digits', '0', false)")
        for number, value in enumerate((*DOUBLES, *map(float, STRANGE)), 10):
            connection.execute(
                ASSIGNED.format(id=number, column="points_earned, percentage_grade", value="%s, %s").encode(),
                (value, value),
            )
    # one whose sessions would show fifteen digits of seventeen
    database.execute(f"alter database {database.url.database} set extra_float_digits = 0",
                     "update term_subjects set weight = 0.1 + 0.2::float8",
                     "update student_term_grades set current_percentage = 0.1 + 0.2::float8, final_percentage = 100, "
                     "attendance_rate = 200 / 3.0::float8")  # fmt: skip
    bits = "select id, encode(float8send(points_earned), 'hex') || encode(float8send(percentage_grade), 'hex') "
    bits += "from student_assignments where points_earned is not null"
    there, was = catalogue(database), columns(database, bits)
    upgrade(database, NUMERIC)
    found = columns(database, "select id, points_earned from student_assignments where points_earned is not null")
    for number, value in enumerate(DOUBLES, 10):
        assert found[number] == Decimal(repr(value)), value
    assert database.rows(
        "select points_earned::text, percentage_grade::text from student_assignments "
        f"where id >= {10 + len(DOUBLES)} order by id"
    ) == [(text, text) for text in STRANGE]
    grades = "select weight, current_percentage, final_percentage, attendance_rate from term_subjects, "
    assert database.rows(f"{grades} student_term_grades") == [
        (Decimal("0.30000000000000004"), Decimal("0.30000000000000004"), Decimal(100), Decimal("66.66666666666667"))
    ]
    database.execute("update student_assignments set points_earned = 12.50 where id = 10")
    head, values = catalogue(database), contents(database)
    downgrade(database, BELOW[NUMERIC])
    back = columns(database, bits)
    assert str(back.pop(10))[:16] == "4029000000000000"
    assert back == {key: value for key, value in was.items() if key != 10}
    assert catalogue(database) == there
    upgrade(database, NUMERIC)
    assert (catalogue(database), contents(database)) == (head, values)


PLACES = (("lessons", "resources"), ("assignment_templates", "export_data"), ("term_subjects", "grading_scale"))
TEMPLATE = "insert into assignment_templates (id, name, subject_id, created_by) values ({}, 'x', 1, 2)"


@pytest.mark.parametrize("version", [18, 15])
def test_json_is_jsonb_and_what_is_none_stays_readable_to_the_letter(
    at_revision: Stop, version: int, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    database = prepare(at_revision, JSON) if version == 18 else request.getfixturevalue("old")
    texts = dict(enumerate((*VALID_JSON, *INVALID_JSON), 10))
    with database.connect(autocommit=True) as connection:
        for number, text in texts.items():
            connection.execute(TEMPLATE.format(number).encode())
            connection.execute("update assignment_templates set export_data = %s where id = %s", (text, number))
        for table, column in PLACES:
            connection.execute(f"update {table} set {column} = %s where id = 1".encode(), ("not json, 100% \\ '",))
    there, rows = catalogue(database), contents(database)
    with caplog.at_level(logging.WARNING):
        upgrade(database, JSON)
    valid = {number: text for number, text in texts.items() if text in VALID_JSON}
    with database.connect(autocommit=True) as connection:
        expected = {n: connection.execute("select %s::text::jsonb::text", (text,)).fetchall()[0][0]
                    for n, text in valid.items()}  # fmt: skip
    query = "select id, export_data::text from assignment_templates where export_data is not null"
    assert columns(database, query) == expected
    kept = columns(database, f"select id, export_data from retired.assignment_templates_export_data_{JSON}")
    assert kept == texts | {1: "not json, 100% \\ '"}
    for table, column in PLACES:
        assert f"{table}.{column}: {1 + 12 * (table == 'assignment_templates')} rows had a text that is no JSON" in (
            caplog.text
        )
    head, values = catalogue(database), contents(database)
    downgrade(database, BELOW[JSON])
    assert (catalogue(database), contents(database)) == (there, rows)
    upgrade(database, JSON)
    assert (catalogue(database), contents(database)) == (head, values)
    database.execute("update assignment_templates set export_data = '{\"new\": 1}' where id = 10")
    downgrade(database, BELOW[JSON])
    assert columns(database, "select id, export_data from assignment_templates") == kept | {10: '{"new": 1}'}


@pytest.fixture
def old() -> Iterator[Database]:
    """A database of PostgreSQL 15, which has no way to ask whether a text is valid."""
    if programs(15) is None:
        pytest.skip("no PostgreSQL 15 here")
    with running(15) as server, fresh(server) as database:
        upgrade(database, BELOW[JSON])
        database.execute(*SCHOOL)
        yield database


@pytest.mark.parametrize("revision", [COMPLETED, TEXT, NUMERIC, JSON])
def test_a_run_that_was_cut_off_just_before_its_record_is_simply_run_again(at_revision: Stop, revision: str) -> None:
    database = prepare(at_revision, revision)
    there = catalogue(database), contents(database)
    upgrade(database, revision)
    head = catalogue(database), contents(database)
    downgrade(database, BELOW[revision])
    cut_off(database, "upgrade", revision)
    upgrade(database, revision)
    assert (at(database), catalogue(database), contents(database)) == ([revision], *head)
    cut_off(database, "downgrade", BELOW[revision])
    downgrade(database, BELOW[revision])
    assert (catalogue(database), contents(database)) == there
