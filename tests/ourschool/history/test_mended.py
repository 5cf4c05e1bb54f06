"""Rows that break a new rule are mended, named and kept; the way back gives back what nobody has changed since."""

import json
import logging

import pytest

from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import HISTORY, Row, at, catalogue, cut_off, downgrade, upgrade
from tests.support.databases import Database

DOCS = {str(script.doc).splitlines()[0]: script.revision for script in HISTORY.walk_revisions()}
PERSON = """
insert into users (id, email, username, hashed_password, first_name, last_name, role, parent_id, grade_level)
values ({0}, '{0}', '{0}', '-', '', '', 'student', {1}, {2})
"""
TERM = """
insert into terms (id, name, start_date, end_date, academic_year, created_by)
values ({0}, 'x', '{1}', '{2}', $${3}$$, 1)
"""
SUBJECT = "insert into subjects (id, name, color) values ({0}, 'x{0}', $${1}$$)"
WEIGHT = "insert into term_subjects (id, term_id, subject_id, weight) values ({0}, 1, {0}, '{1}')"
TEMPLATE = """
insert into assignment_templates (id, name, subject_id, created_by, max_points) values ({0}, 'x', 1, 1, {1})
"""
LESSON = """
insert into lessons (id, title, scheduled_date, start_time, end_time) values ({0}, 'x', '2025-01-01', {1}, {2})
"""
ADMIN = PERSON.format(1, "null", "null")
YEARS = {
    "2024-2025": "2024-2025", "2024-25": "2024-2025", "2024/25": "2024-2025", " 2024 / 2025 ": "2024-2025",
    "2024\u20132025": "2024-2025", "1999-00": "1999-2000", "2024-26": "2022-2023", "2024": "2022-2023",
    "": "2022-2023", "100% of %s, it's \\4": "2022-2023", "20242025": "2022-2023",
}  # fmt: skip
COLOURS = {
    "#3B82F6": "#3B82F6", "#abcdef": "#abcdef", "#FFF": "#FFFFFF", "#1aF": "#11aaFF", "FF0000": "#FF0000",
    " #00ff00\n": "#00ff00", "red": "#3B82F6", "": "#3B82F6", "#12345": "#3B82F6", "#1234567": "#3B82F6",
    "rgb(1,2,3)": "#3B82F6", "#GGGGGG": "#3B82F6", "%s '": "#3B82F6",
}  # fmt: skip
CASES: dict[str, tuple[tuple[str, ...], str, str, list[Row]]] = {
    "nobody is their own parent and grades go from -1 to 13": (
        (ADMIN, *(PERSON.format(*row) for row in ((2, 2, 7), (3, 1, 99), (4, 4, -2), (5, 1, 13), (6, 1, -1),
                                                  (7, "null", "null")))),
        "users", "id, parent_id, grade_level",
        [(1, None, None), (2, None, 7), (3, 1, None), (4, None, None), (5, 1, 13), (6, 1, -1), (7, None, None)],
    ),
    "terms end after they start and name their school year": (
        (ADMIN, *(TERM.format(n, "2023-01-09", "2023-06-30", year) for n, year in enumerate(YEARS, 1)),
         TERM.format(50, "2025-06-30", "2025-01-07", "2024-25"), TERM.format(51, "2024-08-01", "2024-08-01", "?"),
         TERM.format(52, "2024-07-31", "2024-12-01", "?"), TERM.format(53, "-infinity", "infinity", "?"),
         TERM.format(54, "2024-08-01", "2025-08-01", "2024-2025")),
        "terms", "id, start_date::text, end_date::text, academic_year",
        [*((n, "2023-01-09", "2023-06-30", year) for n, year in enumerate(YEARS.values(), 1)),
         (50, "2025-01-07", "2025-06-30", "2024-2025"), (51, "2024-08-01", "2024-08-02", "2024-2025"),
         (52, "2024-07-31", "2024-12-01", "2023-2024"), (53, "-infinity", "infinity", "1999-2000"),
         (54, "2024-08-01", "2025-08-01", "2024-2025")],
    ),
    "subjects have a colour that browsers read": (
        tuple(SUBJECT.format(n, colour) for n, colour in enumerate(COLOURS, 1)),
        "subjects", "id, color", list(enumerate(COLOURS.values(), 1)),
    ),
    "subjects of a term have a weight that counts": (
        (ADMIN, TERM.format(1, "2023-01-09", "2023-06-30", "2022-2023"),
         *(SUBJECT.format(n, "#3B82F6") for n in range(1, 7)),
         *(WEIGHT.format(n, weight) for n, weight in enumerate((0, 0.1 + 0.2, -1.5, "NaN", "Infinity", "-1e-7"), 1))),
        "term_subjects", "id, weight::text",
        [(1, "0"), (2, "0.30000000000000004"), (3, "1"), (4, "1"), (5, "1"), (6, "1")],
    ),
    "templates are worth points and may be in the library": (
        (ADMIN, SUBJECT.format(1, "#3B82F6"), *(TEMPLATE.format(n, n - 3) for n in range(1, 6))),
        "assignment_templates", "id, max_points", [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2)],
    ),
    "lessons end after they start": (
        tuple(LESSON.format(n, *times) for n, times in enumerate(
            (("null", "null"), ("'08:00'", "'08:45'"), ("'10:00'", "'09:00'"), ("'13:15'", "null"), ("null", "'15:00'"),
             ("'23:30'", "'00:15'"), ("'09:00'", "'09:00'"), ("'09:00'", "'09:00:00.000001'")), 1)),
        "lessons", "id, end_time::text",
        [(1, None), (2, "08:45:00"), (3, None), (4, None), (5, "15:00:00"), (6, None), (7, None),
         (8, "09:00:00.000001")],
    ),
}  # fmt: skip
EACH = pytest.mark.parametrize("doc", CASES)


def prepared(at_revision: Stop, doc: str) -> tuple[Database, str, str]:
    """The database below the revision with the awkward rows, the revision, and the one below."""
    revision = DOCS[doc]
    below = str(HISTORY.get_revision(revision).down_revision)
    database = at_revision(below)
    database.execute(*CASES[doc][0])
    return database, revision, below


def everything(database: Database, doc: str) -> tuple[object, ...]:
    _, table, columns, _ = CASES[doc]
    return database.rows(f"select {columns} from {table} order by id"), catalogue(database)


@EACH
def test_rows_up_down_and_up(at_revision: Stop, doc: str, caplog: pytest.LogCaptureFixture) -> None:
    database, revision, below = prepared(at_revision, doc)
    _, table, columns, mended = CASES[doc]
    before = everything(database, doc)
    changed = [row[0] for row, then in zip(database.rows(f"select {columns} from {table} order by id"), mended,
                                           strict=True) if row != then]  # fmt: skip
    with caplog.at_level(logging.WARNING):
        upgrade(database, revision)
    head = everything(database, doc)
    assert head[0] == mended
    assert f"{table}: {len(changed)} " in caplog.text
    assert f"retired.{table}_mended_{revision}" in caplog.text
    assert [n for (n,) in database.rows(f"select id from retired.{table}_mended_{revision} order by id")] == changed
    downgrade(database, below)
    assert everything(database, doc) == before
    assert database.value(f"select to_regclass('retired.{table}_mended_{revision}') is null")
    upgrade(database, revision)
    assert everything(database, doc) == head


@EACH
def test_a_row_that_was_changed_keeps_the_change(at_revision: Stop, doc: str) -> None:
    database, revision, below = prepared(at_revision, doc)
    _, table, columns, _ = CASES[doc]

    def rows() -> dict[object, Row]:
        return {row[0]: row for row in database.rows(f"select {columns} from {table}")}

    before = rows()
    upgrade(database, revision)
    changed, gone = (
        n for (n,) in database.rows(f"select id from retired.{table}_mended_{revision} order by 1 limit 2")
    )
    new = {
        "users": "grade_level = 3", "terms": "academic_year = '2030-2031'", "subjects": "color = '#111111'",
        "term_subjects": "weight = 7", "assignment_templates": "max_points = 70", "lessons": "end_time = '23:59'",
    }[table]  # fmt: skip
    database.execute(f"update {table} set {new} where id = {changed}", f"delete from {table} where id = {gone}")
    kept = rows()[changed]
    downgrade(database, below)
    there = rows()
    assert there == {number: row for number, row in before.items() if number != gone} | {changed: kept}
    left = database.rows(f"select id, left_at is not null from retired.{table}_mended_{revision} order by id")
    assert left == [(changed, True), (gone, True)]
    upgrade(database, revision)
    downgrade(database, below)
    assert rows() == there


@EACH
def test_a_run_that_was_cut_off_just_before_its_record_is_simply_run_again(at_revision: Stop, doc: str) -> None:
    database, revision, below = prepared(at_revision, doc)
    before = everything(database, doc)
    upgrade(database, revision)
    head = everything(database, doc)
    downgrade(database, below)
    cut_off(database, "upgrade", revision)
    upgrade(database, revision)
    assert (at(database), everything(database, doc)) == ([revision], head)
    cut_off(database, "downgrade", below)
    downgrade(database, below)
    assert (at(database), everything(database, doc)) == ([below], before)


def test_nothing_to_mend_leaves_nothing_and_says_nothing(at_revision: Stop, caplog: pytest.LogCaptureFixture) -> None:
    first, last = DOCS[next(iter(CASES))], DOCS[list(CASES)[-1]]
    database = at_revision(str(HISTORY.get_revision(first).down_revision))
    with caplog.at_level(logging.WARNING):
        upgrade(database, last)
    assert caplog.text == ""
    assert database.rows("select 1 from pg_tables where schemaname = 'retired' and tablename like '%mended%'") == []


def test_what_was_there_is_kept_as_people_read_it(at_revision: Stop) -> None:
    database, revision, _ = prepared(at_revision, "terms end after they start and name their school year")
    upgrade(database, revision)
    was = database.value(f"select was::text from retired.terms_mended_{revision} where id = 50")
    assert json.loads(str(was)) == {"start_date": "2025-06-30", "end_date": "2025-01-07", "academic_year": "2024-25"}
