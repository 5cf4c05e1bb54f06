r"""the old tables say what they are

Why: whoever looks at a table with \d+ at two in the morning has no other documentation open.
Locks: SHARE UPDATE EXCLUSIVE on each of the twelve tables for milliseconds, which stops nobody who reads or writes.
Data: none is touched.
Way back: the comments go.

Revision ID: ad545c1a25a3
Revises: 2843c21ebbb0
Create Date: 2026-11-21 11:44:00+00:00
"""

from alembic import op

revision = "ad545c1a25a3"
down_revision = "2843c21ebbb0"
branch_labels = None
depends_on = None

TABLES = {
    "users": "Everyone who signs in or is looked after",
    "subjects": "What the school teaches",
    "terms": "Stretches of a school year for which grades are given",
    "term_subjects": "What is taught in a term, and how much it counts",
    "lessons": "Lessons as they are planned",
    "assignment_templates": "Assignments as they are prepared, before any student has them",
    "lesson_assignments": "Which templates a lesson uses",
    "student_assignments": "What each student was given to do, and what became of it",
    "attendance_records": "Who was there on which day",
    "student_term_grades": "A student's standing in one subject of one term",
    "grade_history": "Every change of a term's grade; only grows",
    "journal_entries": "What was noted about a student, day by day",
}
COLUMNS = {
    "users": {
        "email": "unique whatever its case, among those who are not deleted",
        "username": "for signing in; unique whatever its case, among those who are not deleted",
        "hashed_password": "with its algorithm and salt, as the password library writes it",
        "is_active": "whether the user may sign in",
        "parent_id": "one who looks after this student; guardianships knows all",
        "grade_level": "-1 pre-school, 0 kindergarten, then 1 to 13",
    },
    "subjects": {
        "name": "unique whatever its case",
        "color": "in timetables, like #3B82F6",
    },
    "terms": {
        "end_date": "the last day of the term",
        "academic_year": "like 2024-2025",
        "is_active": "the term that pages show; at most one is",
        "term_order": "place in lists",
    },
    "lessons": {
        "end_time": "after the start; NULL: not known",
        "lesson_order": "place among the lessons of the day",
    },
    "assignment_templates": {
        "max_points": "for a perfect piece of work; lessons and students may have their own",
        "is_exportable": "whether other schools may have it",
        "is_archived": "kept for those who had it, offered to nobody else",
    },
    "lesson_assignments": {
        "order_in_lesson": "place among the lesson's templates",
        "custom_instructions": "in place of the template's, for this lesson",
        "is_required": "whether every student of the lesson gets it",
        "custom_max_points": "in place of the template's, for this lesson",
    },
    "student_assignments": {
        "extended_due_date": "counts in place of due_date, for this student",
        "submission_notes": "what the student wrote beside the work",
        "custom_instructions": "in place of the template's, for this student",
        "custom_max_points": "in place of the template's, for this student",
    },
    "student_term_grades": {
        "last_calculated": "when the current values were worked out; NULL: never",
    },
    "grade_history": {
        "field_name": "the column of student_term_grades",
        "old_value": "as text, whatever the column's type",
        "new_value": "as text, whatever the column's type",
        "assignment_id": "whose grading changed it; NULL: not said",
    },
    "journal_entries": {
        "author_id": "who wrote it, often the student",
        "entry_date": "the moment it is about",
    },
}


def upgrade() -> None:
    for table, text in TABLES.items():
        op.execute(f"comment on table {table} is {quoted(text)}")
    for table, columns in COLUMNS.items():
        for column, text in columns.items():
            op.execute(f"comment on column {table}.{column} is {quoted(text)}")


def downgrade() -> None:
    for table, columns in COLUMNS.items():
        for column in columns:
            op.execute(f"comment on column {table}.{column} is null")
    for table in TABLES:
        op.execute(f"comment on table {table} is null")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
