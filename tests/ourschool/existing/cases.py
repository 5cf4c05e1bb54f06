"""What real databases hold, said a second time as queries: each must find a row in what `rows.fill` makes."""


def _values(table: str, column: str, *values: str) -> dict[str, str]:
    return {
        f"{table}.{column} {value}": f"select 1 from {table} where {column}::text is not distinct from {value}"
        for value in values
    }


def _nulls(table: str, *columns: str) -> dict[str, str]:
    return {f"{table}.{column} NULL": f"select 1 from {table} where {column} is null" for column in columns}


GRADE_LEVELS = _values(
    "users", "grade_level", "'7'", "'Grade 7'", "'7th'", "'Kindergarten'", "'K'", "'Pre-K'", "''", "null",
    "'20260000000000'", "' 8 '", "'grade 10'", "'kindergarten'", "'Year 5?'", "'99'", "'-5'",
)  # fmt: skip

NULLS = (
    _nulls("users", "is_active", "parent_id", "date_of_birth", "created_at", "updated_at")
    | _nulls("subjects", "description", "color", "created_at")
    | _nulls("terms", "term_type", "is_active", "term_order", "created_at", "updated_at")
    | _nulls("term_subjects", "is_active", "weight", "grading_scale", "created_at")
    | _nulls("lessons", "lesson_order", "resources", "start_time", "difficulty_level", "created_at", "updated_at")
    | _nulls("assignment_templates", "lesson_id", "is_exportable", "order_in_lesson", "created_at", "updated_at")
    | _nulls("lesson_assignments", "is_required", "order_in_lesson", "custom_max_points", "created_at")
    | _nulls("student_assignments", "status", "is_graded", "time_spent_minutes", "due_date", "created_at")
    | _nulls("student_assignments", "updated_at", "points_earned", "graded_by")
    | _nulls("attendance_records", "notes", "created_at", "updated_at")
    | _nulls("student_term_grades", "is_finalized", "assignments_completed", "assignments_total", "last_calculated")
    | _nulls("student_term_grades", "created_at", "updated_at", "attendance_rate")
    | _nulls("grade_history", "old_value", "new_value", "change_reason", "changed_at", "assignment_id")
    | _nulls("journal_entries", "created_at", "updated_at")
)

STAMPED = (
    "users", "terms", "lessons", "assignment_templates", "student_assignments", "student_term_grades",
    "journal_entries",
)  # fmt: skip
TIMESTAMPS = {
    name.format(table): query.format(table)
    for table in STAMPED
    for name, query in {
        "{} changed before it was made": "select 1 from {} where created_at > updated_at",
        "{} at microseconds": "select 1 from {} where created_at::text like '%.______'",
        "{} in the hour that Chicago skips": "select 1 from {} where created_at = '2024-03-10 02:30'",
        "{} in the hour that Chicago has twice": "select 1 from {} where created_at = '2024-11-03 01:30'",
        "{} at the turn of the year": "select 1 from {} where created_at = '2024-12-31 23:59:59.999999'",
        "{} on a leap day": "select 1 from {} where created_at::date = '2024-02-29'",
    }.items()
}

TWICE = "select 1 from attendance_records group by student_id, date having count(*) {}"
FIRST_CHANGED_LAST = (
    "(array_agg(id order by updated_at desc nulls last))[1] = min(id) and max(updated_at) > min(updated_at)"
)
ATTENDANCE = {
    "two rows for a day": TWICE.format("= 2 and count(distinct status) = 2"),
    "three rows for a day": TWICE.format("= 3 and count(distinct status) = 3"),
    "changed at different times": TWICE.format("= 2 and count(distinct updated_at) = 2"),
    "changed at the same time": TWICE.format("= 2 and count(updated_at) = 2 and count(distinct updated_at) = 1"),
    "one of them never changed": TWICE.format("= 2 and count(updated_at) = 1"),
    "none of them ever changed": TWICE.format("> 1 and count(updated_at) = 0"),
    "the first of two is the last changed": TWICE.format("= 2 and " + FIRST_CHANGED_LAST),
    "the first of three is the last changed": TWICE.format("= 3 and " + FIRST_CHANGED_LAST),
    "every status": "select 1 from attendance_records having count(distinct status) = 4",
}

COURSEWORK = {
    "completed beside submitted": "select 1 from student_assignments where status in ('completed', 'submitted') "
    "having count(distinct status) = 2",
    "every status": "select 1 from student_assignments having count(distinct status) = 7",
    "extra credit": "select 1 from student_assignments s join assignment_templates t on t.id = s.template_id "
    "where s.points_earned > coalesce(s.custom_max_points, t.max_points) and s.points_earned < 10000",
    "graded without a date": "select 1 from student_assignments where status = 'graded' and graded_date is null",
    "is_graded without a date": "select 1 from student_assignments where is_graded and graded_date is null",
    "graded without points": "select 1 from student_assignments where is_graded and points_earned is null",
    "completed though graded": "select 1 from student_assignments where status = 'completed' and is_graded",
    "extended to before it was due": "select 1 from student_assignments where extended_due_date < due_date",
    "extended without a due date": "select 1 from student_assignments where extended_due_date > '-infinity' "
    "and due_date is null",
    "more minutes than a day has": "select 1 from student_assignments where time_spent_minutes > 1440",
    "graded by an admin who is a parent": "select 1 from student_assignments s join users p on p.id = s.graded_by "
    "and p.role = 'admin' join users c on c.parent_id = p.id",
    "given out by an admin": "select 1 from student_assignments s join users u on u.id = s.assigned_by "
    "having bool_and(u.role = 'admin')",
    "every type of template": "select 1 from assignment_templates having count(distinct assignment_type) = 9",
    "templates archived and not": "select 1 from assignment_templates having count(distinct is_archived) = 2",
    "a template listed in its own lesson": "select 1 from assignment_templates t join lesson_assignments l "
    "on l.assignment_template_id = t.id and l.lesson_id = t.lesson_id "
    "where l.order_in_lesson is distinct from t.order_in_lesson",
    "a lesson that ends before it starts": "select 1 from lessons where start_time > end_time",
    "a lesson that ends as it starts": "select 1 from lessons where start_time = end_time",
    "a student without a row of theirs": "select 1 from users u where role = 'student' and not exists "
    "(select 1 from student_assignments where student_id = u.id) and not exists "
    "(select 1 from attendance_records where student_id = u.id)",
    "an id that was deleted": "select 1 from student_assignments having max(id) > count(*)",
} | {
    f"points of {value}": f"select 1 from student_assignments where points_earned = {value}::float8"
    for value in ("0.30000000000000004", "33.333333333333336", "1e-7", "12345678901.5")
}

PEOPLE = {
    "only admins and students": "select 1 from users having count(distinct role) = 2",
    "every parent of a student is an admin": "select 1 from users c join users p on p.id = c.parent_id "
    "having bool_and(c.role = 'student' and (p.role = 'admin' or p.id = c.id))",
    "siblings": "select 1 from users group by parent_id having parent_id is not null and count(*) > 1",
    "terms that overlap": "select 1 from terms a join terms b on a.id < b.id "
    "and (a.start_date, a.end_date) overlaps (b.start_date, b.end_date)",
    "both spellings of a year": "select 1 from terms where academic_year in ('2024-2025', '2024-25') "
    "having count(distinct academic_year) = 2",
    "every type of term": "select 1 from terms having count(distinct term_type) = 4",
    "an admin whom nothing names": "select id from users where role = 'admin' except select parent_id from users "
    "except select assigned_by from student_assignments except select graded_by from student_assignments "
    "except select author_id from journal_entries except select changed_by from grade_history "
    "except select created_by from terms except select created_by from assignment_templates "
    "except select finalized_by from student_term_grades",
}

NAMED = {
    **GRADE_LEVELS,
    **NULLS,
    **TIMESTAMPS,
    **{f"attendance: {name}": query for name, query in ATTENDANCE.items()},
    **{f"coursework: {name}": query for name, query in COURSEWORK.items()},
    **PEOPLE,
}
"""In every database from `SMALL` upwards."""

CONFLICTS = {
    "emails alike but for case": "select 1 from users group by lower(email) having count(*) > 1",
    "usernames alike but for case": "select 1 from users group by lower(username) having count(*) > 1",
    "subjects alike but for case": "select 1 from subjects group by lower(name) having count(*) > 1",
    "several active terms": "select 1 from terms where is_active having count(*) > 1",
}
"""With `Size.conflicts`."""

BEYOND = {
    "a colour that is a word": "select 1 from subjects where color = 'red'",
    "a negative weight": "select 1 from term_subjects where weight < 0",
    "a term that ends before it starts": "select 1 from terms where end_date < start_date",
    "a student who is their own parent": "select 1 from users where parent_id = id",
    "finalized, and nobody knows when": "select 1 from student_term_grades where is_finalized and "
    "finalized_date is null",
    "not finalized, yet with a date": "select 1 from student_term_grades where not is_finalized "
    "and finalized_date is not null",
    "negative points": "select 1 from student_assignments where points_earned < 0",
    "a template twice in a lesson": "select 1 from lesson_assignments group by lesson_id, assignment_template_id "
    "having count(*) > 1",
}
"""With `Size.beyond`."""
