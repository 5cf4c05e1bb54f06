"""flags, counters and times are never NULL

Why: a flag that is NULL is neither true nor false, and every report counted it differently.
Locks: rows while their batch of 5,000 is filled; ACCESS EXCLUSIVE on one table at a time for milliseconds, to add a
CHECK without looking at the rows; SHARE UPDATE EXCLUSIVE, which stops nobody, while the rows are checked; ACCESS
EXCLUSIVE for milliseconds again, for NOT NULL, which the CHECK has proven.
Data: NULL becomes what the application meant by it: flags and counters their default, a status what the row's dates
tell, an instant the nearest one that the row still knows; a term that nobody called active is not, as no page showed
it. Nothing that had a value is touched.
Way back: the columns may be NULL again; what was filled stays filled, as nobody could tell it from what was written.

Revision ID: 17d4b8e26fa9
Revises: c5e7a1f03b68
Create Date: 2026-11-21 09:30:00+00:00
"""

from alembic import op

revision = "17d4b8e26fa9"
down_revision = "c5e7a1f03b68"
branch_labels = None
depends_on = None

CREATED = "coalesce(updated_at, now())"
UPDATED = "coalesce(created_at, now())"
ONCE = "now()"

FILL = {
    "users": {"is_active": "true", "created_at": CREATED, "updated_at": UPDATED},
    "subjects": {"color": "'#3B82F6'", "created_at": ONCE},
    "terms": {
        "term_type": "'custom'",
        "is_active": "false",
        "term_order": "0",
        "created_at": CREATED,
        "updated_at": UPDATED,
    },
    "term_subjects": {"is_active": "true", "weight": "1.0", "created_at": ONCE},
    "lessons": {"lesson_order": "0", "created_at": CREATED, "updated_at": UPDATED},
    "assignment_templates": {
        "is_exportable": "true",
        "order_in_lesson": "0",
        "created_at": CREATED,
        "updated_at": UPDATED,
    },
    "lesson_assignments": {"order_in_lesson": "0", "is_required": "true", "created_at": ONCE},
    "student_assignments": {
        "status": """(case
            when is_graded or graded_date is not null then 'graded'
            when submitted_date is not null or completed_date is not null then 'submitted'
            when started_date is not null then 'in_progress'
            else 'not_started'
        end)::assignmentstatus""",
        "is_graded": "(graded_date is not null or coalesce(status = 'graded', false))",
        "time_spent_minutes": "0",
        "created_at": "coalesce(updated_at, assigned_date::timestamp at time zone 'UTC')",
        "updated_at": "coalesce(created_at, assigned_date::timestamp at time zone 'UTC')",
    },
    "attendance_records": {
        "created_at": "coalesce(updated_at, date::timestamp at time zone 'UTC')",
        "updated_at": "coalesce(created_at, date::timestamp at time zone 'UTC')",
    },
    "student_term_grades": {
        "is_finalized": "(finalized_date is not null)",
        "assignments_completed": "0",
        "assignments_total": "0",
        "created_at": CREATED,
        "updated_at": UPDATED,
    },
    "grade_history": {"changed_at": ONCE},
    "journal_entries": {
        "created_at": "coalesce(updated_at, entry_date)",
        "updated_at": "coalesce(created_at, entry_date)",
    },
}

# Each COMMIT ends a transaction of its own, so nobody waits for more than one batch; every part can be run again.
NEVER_NULL = """
do $$
declare
    low bigint;
begin
    for pass in 1..2 loop
        select min(id) into low from {table};
        while low is not null loop
            update {table}
               set {assignments}
             where id >= low
               and id < low + 5000
               and ({missing});
            commit;
            select min(id) into low from {table} where id >= low + 5000;
        end loop;
        exit when pass = 2;
        -- from here on no new NULL can come; the second pass fills what came while the first one ran
        alter table {table}
            drop constraint if exists {table}_17d4b8e26fa9_check,
            add constraint {table}_17d4b8e26fa9_check check ({present}) not valid;
        commit;
    end loop;
    alter table {table} validate constraint {table}_17d4b8e26fa9_check;
    commit;
    alter table {table} {not_null};
    alter table {table} drop constraint {table}_17d4b8e26fa9_check;
    commit;
end
$$
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table, fill in FILL.items():
            op.execute(
                NEVER_NULL.format(
                    table=table,
                    assignments=", ".join(f"{column} = coalesce({column}, {value})" for column, value in fill.items()),
                    missing=" or ".join(f"{column} is null" for column in fill),
                    present=" and ".join(f"{column} is not null" for column in fill),
                    not_null=", ".join(f"alter column {column} set not null" for column in fill),
                )
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for table, fill in reversed(FILL.items()):
            op.execute(f"alter table {table} " + ", ".join(f"alter column {column} drop not null" for column in fill))
