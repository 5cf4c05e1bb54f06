"""c5e7a1f03b68: the database fills in what only the application did; rows that are there stay as they are."""

import pytest

from tests.ourschool.history.schools import BASELINE, columns, downgrade, make_existing, upgrade
from tests.support.databases import Database

REVISION, BEFORE = "c5e7a1f03b68", "8b06d2e94c17"

BARE = (
    "insert into users (email, username, hashed_password, first_name, last_name, role) "
    "values (gen_random_uuid(), gen_random_uuid(), '-', 'A', 'A', 'admin')",
    "insert into subjects (name) values ('Art')",
    "insert into terms (name, start_date, end_date, academic_year, created_by) "
    "select 'T', '2024-09-01', '2024-12-20', '2024-25', min(id) from users",
    "insert into term_subjects (term_id, subject_id) select max(terms.id), max(subjects.id) from terms, subjects",
    "insert into lessons (title, scheduled_date) values ('L', '2024-09-02')",
    "insert into lesson_assignments (lesson_id, assignment_template_id) "
    "select max(lessons.id), max(t.id) from lessons, assignment_templates t",
    "insert into student_assignments (template_id, student_id, assigned_date, assigned_by{also}) "
    "select max(t.id), min(users.id), '2024-09-02', min(users.id){values} from users, assignment_templates t",
    "insert into attendance_records (student_id, date, status) select min(id), '2024-09-02', 'late' from users",
    "insert into student_term_grades (student_id, term_subject_id) "
    "select max(users.id), max(ts.id) from users, term_subjects ts",
    "insert into grade_history (student_term_grade_id, field_name, changed_by) "
    "select max(g.id), 'x', min(users.id) from users, student_term_grades g",
    "insert into journal_entries (student_id, author_id, title, content, entry_date) "
    "select min(id), min(id), '', '', now() from users",
)
"""A row into each table that names no more than the database insists on; templates have more of that before."""
TEMPLATE = (
    "insert into assignment_templates (name, subject_id, created_by{also}) "
    "select 'W', max(subjects.id), min(users.id){values} from subjects, users"
)

LITERALS = {
    "users": ("is_active", ("true",)),
    "subjects": ("color", ("#3B82F6",)),
    "terms": ("term_type, is_active, term_order", ("custom", "true", "0")),
    "term_subjects": ("is_active, weight", ("true", "1")),
    "lessons": ("lesson_order", ("0",)),
    "assignment_templates": (
        "assignment_type, max_points, is_exportable, order_in_lesson, is_archived",
        ("homework", "100", "true", "0", "false"),
    ),
    "lesson_assignments": ("order_in_lesson, is_required", ("0", "true")),
    "student_assignments": ("status, is_graded, time_spent_minutes", ("not_started", "false", "0")),
    "student_term_grades": (
        "is_finalized, assignments_completed, assignments_total",
        ("false", "0", "0"),
    ),
}
TIMES = {
    "users": "created_at updated_at", "subjects": "created_at", "terms": "created_at updated_at",
    "term_subjects": "created_at", "lessons": "created_at updated_at",
    "assignment_templates": "created_at updated_at", "lesson_assignments": "created_at",
    "student_assignments": "created_at updated_at", "attendance_records": "created_at updated_at",
    "student_term_grades": "created_at updated_at", "grade_history": "changed_at",
    "journal_entries": "created_at updated_at",
}  # fmt: skip


def insert_bare(database: Database, *, defaults: bool) -> None:
    """One row in every table; without defaults, what is NOT NULL in templates has to be named."""
    also, values = ("", "") if defaults else (", assignment_type, max_points, is_archived", ", 'quiz', 7, true")
    statements = list(BARE)
    statements.insert(2, TEMPLATE.format(also=also, values=values))
    database.execute(*(each.format(also="", values="") for each in statements))


def newest(database: Database, table: str, listed: str) -> tuple[str | None, ...]:
    each = ", ".join(f"{column.strip()}::text" for column in listed.replace(" ", ",").replace(",,", ",").split(","))
    row = database.rows(f"select {each} from {table} order by id desc limit 1")[0]
    return tuple(None if value is None else str(value) for value in row)


@pytest.fixture
def before(database: Database) -> Database:
    upgrade(database, BEFORE)
    return database


def test_new_rows_get_the_defaults_and_old_ones_stay_up_down_and_up(before: Database) -> None:
    insert_bare(before, defaults=False)
    for table, listed in TIMES.items():
        assert set(newest(before, table, listed)) == {None}, table
    for _ in range(2):
        upgrade(before, REVISION)
        for table, listed in TIMES.items():
            assert set(newest(before, table, listed)) == {None}, f"{table}: a row that was there was changed"
        insert_bare(before, defaults=True)
        for table, (listed, expected) in LITERALS.items():
            assert newest(before, table, listed) == expected, table
        for table, listed in TIMES.items():
            recent = " and ".join(f"now() - {column} between '0 s' and '60 s'" for column in listed.split())
            assert before.value(f"select {recent} from {table} order by id desc limit 1") is True, table

        downgrade(before, BEFORE)
        for table, (listed, expected) in LITERALS.items():
            assert newest(before, table, listed) == expected, f"{table}: the way back took a value"
        insert_bare(before, defaults=False)
        for table, listed in TIMES.items():
            assert set(newest(before, table, listed)) == {None}, f"{table}: a default was left behind"


def test_a_value_that_is_named_wins(before: Database) -> None:
    upgrade(before, REVISION)
    before.execute(
        "insert into subjects (name, color, created_at) values ('A', null, null), ('B', 'red', '2020-01-01 00:00Z')"
    )
    query = "select color, extract(epoch from created_at)::integer from subjects order by name"
    assert before.rows(query) == [(None, None), ("red", 1577836800)]


def test_no_row_of_a_whole_school_is_touched(database: Database) -> None:
    make_existing(database)
    upgrade(database, BEFORE)
    sums = " union all ".join(
        f"select '{table}', md5(string_agg(t::text, '' order by id)) from {table} t" for table in TIMES
    )
    written = columns(database, sums)
    upgrade(database, REVISION)
    assert columns(database, sums) == written
    downgrade(database, BEFORE)
    assert columns(database, sums) == written
    downgrade(database, BASELINE)
