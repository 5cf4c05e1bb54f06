"""server defaults for flags, counters and times

Why: what the application filled in by itself, the database did not: every other client left NULL behind.
Locks: ACCESS EXCLUSIVE on each of the eleven tables at once, waiting for all of them together no longer than
lock_timeout; then milliseconds, the catalogue alone changes.
Data: rows that are there stay as they are; new rows get the default where they name no value.
Way back: the defaults go again; nothing is lost.

Revision ID: c5e7a1f03b68
Revises: 8b06d2e94c17
Create Date: 2026-11-21 09:20:00+00:00
"""

from alembic import op

revision = "c5e7a1f03b68"
down_revision = "8b06d2e94c17"
branch_labels = None
depends_on = None

DEFAULTS = """
    values ('assignment_templates', 'assignment_type', '''homework'''),
           ('assignment_templates', 'max_points', '100'),
           ('assignment_templates', 'is_exportable', 'true'),
           ('assignment_templates', 'order_in_lesson', '0'),
           ('assignment_templates', 'is_archived', 'false'),
           ('assignment_templates', 'created_at', 'now()'),
           ('assignment_templates', 'updated_at', 'now()'),
           ('attendance_records', 'created_at', 'now()'),
           ('attendance_records', 'updated_at', 'now()'),
           ('grade_history', 'changed_at', 'now()'),
           ('journal_entries', 'created_at', 'now()'),
           ('journal_entries', 'updated_at', 'now()'),
           ('lesson_assignments', 'order_in_lesson', '0'),
           ('lesson_assignments', 'is_required', 'true'),
           ('lesson_assignments', 'created_at', 'now()'),
           ('lessons', 'lesson_order', '0'),
           ('lessons', 'created_at', 'now()'),
           ('lessons', 'updated_at', 'now()'),
           ('student_assignments', 'status', '''not_started'''),
           ('student_assignments', 'is_graded', 'false'),
           ('student_assignments', 'time_spent_minutes', '0'),
           ('student_assignments', 'created_at', 'now()'),
           ('student_assignments', 'updated_at', 'now()'),
           ('student_term_grades', 'is_finalized', 'false'),
           ('student_term_grades', 'assignments_completed', '0'),
           ('student_term_grades', 'assignments_total', '0'),
           ('student_term_grades', 'created_at', 'now()'),
           ('student_term_grades', 'updated_at', 'now()'),
           ('subjects', 'color', '''#3B82F6'''),
           ('subjects', 'created_at', 'now()'),
           ('term_subjects', 'is_active', 'true'),
           ('term_subjects', 'weight', '1.0'),
           ('term_subjects', 'created_at', 'now()'),
           ('terms', 'term_type', '''custom'''),
           ('terms', 'is_active', 'true'),
           ('terms', 'term_order', '0'),
           ('terms', 'created_at', 'now()'),
           ('terms', 'updated_at', 'now()'),
           ('users', 'is_active', 'true'),
           ('users', 'created_at', 'now()'),
           ('users', 'updated_at', 'now()')
"""

CHANGE = """
do $$
declare
    patience integer := (select setting::integer from pg_settings where name = 'lock_timeout');
    started timestamptz := clock_timestamp();
    change record;
begin
    -- one lock_timeout for all the locks together: whoever queues behind the first must not wait for eleven
    for change in select distinct column1 as name from ({defaults}) as listed order by 1 loop
        if patience > 0 then
            perform set_config('lock_timeout',
                greatest(1, patience - extract(epoch from clock_timestamp() - started) * 1000)::integer::text, true);
        end if;
        execute format('lock table %I in access exclusive mode', change.name);
    end loop;
    perform set_config('lock_timeout', patience::text, true);
    for change in
        select column1 as name,
               string_agg(format('alter column %I {action}', {arguments}), ', ') as changes
          from ({defaults}) as listed
         group by column1
    loop
        execute format('alter table %I %s', change.name, change.changes);
    end loop;
end
$$
"""


def upgrade() -> None:
    op.execute(CHANGE.format(defaults=DEFAULTS, action="set default %s", arguments="column2, column3"))


def downgrade() -> None:
    op.execute(CHANGE.format(defaults=DEFAULTS, action="drop default", arguments="column2"))
