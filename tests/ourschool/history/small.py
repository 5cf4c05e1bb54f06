"""The fewest rows that the twelve tables need before anything can be said about one of them."""

from tests.support.databases import Database

PERSON = """
insert into users (id, email, username, hashed_password, first_name, last_name, role, parent_id)
values ({id}, '{id}@x', 'u{id}', '-', '{first}', 'Name', '{role}', {parent})
"""
SCHOOL = (
    PERSON.format(id=1, first="Ada", role="admin", parent="null"),
    PERSON.format(id=2, first="Tom", role="admin", parent="null"),
    PERSON.format(id=3, first="Pia", role="student", parent=2),
    PERSON.format(id=4, first="Quinn", role="student", parent="null"),
    "insert into subjects (id, name) values (1, 'Art')",
    "insert into terms (id, name, start_date, end_date, academic_year, created_by) "
    "values (1, 'T', '2024-09-01', '2025-01-31', '2024-2025', 2)",
    "insert into term_subjects (id, term_id, subject_id) values (1, 1, 1)",
    "insert into lessons (id, title, scheduled_date) values (1, 'x', '2025-01-01')",
    "insert into assignment_templates (id, name, subject_id, lesson_id, created_by) values (1, 'Page 3', 1, 1, 2)",
    "insert into lesson_assignments (id, lesson_id, assignment_template_id) values (1, 1, 1)",
    "insert into student_assignments (id, template_id, student_id, assigned_date, assigned_by, graded_by) "
    "values (1, 1, 3, '2025-01-01', 2, 1)",
    "insert into student_term_grades (id, student_id, term_subject_id, finalized_by) values (1, 3, 1, 2)",
    "insert into grade_history (id, student_term_grade_id, field_name, changed_by, assignment_id) "
    "values (1, 1, 'x', 2, 1)",
    "insert into journal_entries (id, student_id, author_id, title, content, entry_date) "
    "values (1, 3, 2, 'x', 'x', '2025-01-01')",
    "insert into attendance_records (id, student_id, date, status) values (1, 3, '2025-01-01', 'present')",
    "select setval(pg_get_serial_sequence('users', 'id'), 1000)",
)
TABLES = (
    "users", "subjects", "terms", "term_subjects", "lessons", "assignment_templates", "lesson_assignments",
    "student_assignments", "student_term_grades", "grade_history", "journal_entries", "attendance_records",
)  # fmt: skip
PRESENT = """
select attname::text
  from pg_attribute
 where attrelid = '{table}'::regclass
   and attnum > 0
   and not attisdropped
   and not starts_with(attname, '__retired_')
 order by 1
"""


def contents(database: Database) -> dict[str, object]:
    """Every value of the twelve tables as text, without what is set aside."""
    found: dict[str, object] = {}
    for table in TABLES:
        names = [str(name) for (name,) in database.rows(PRESENT.format(table=table))]
        each = ", ".join(f'"{name}"::text' for name in names)
        found[table] = (names, database.rows(f"select {each} from {table} order by id"))
    return found
