"""naive timestamps are UTC and say so

Why: every instant was written in UTC into columns without a zone; a server or session elsewhere reads them hours off.
Locks: ACCESS EXCLUSIVE on each of the eleven tables at once, waiting for all of them together no longer than
lock_timeout; then milliseconds: the session's zone is UTC, so PostgreSQL changes the catalogue and rewrites nothing.
Data: no value changes. Only columns that are naive are touched, so an aware one is never shifted.
Way back: the same, in the other direction; nothing is lost.

Revision ID: 8b06d2e94c17
Revises: 3f1c9a7d52e4
Create Date: 2026-11-21 09:10:00+00:00
"""

from alembic import op

revision = "8b06d2e94c17"
down_revision = "3f1c9a7d52e4"
branch_labels = None
depends_on = None

COLUMNS = """
    values ('assignment_templates', 'created_at'),
           ('assignment_templates', 'updated_at'),
           ('attendance_records', 'created_at'),
           ('attendance_records', 'updated_at'),
           ('grade_history', 'changed_at'),
           ('journal_entries', 'entry_date'),
           ('journal_entries', 'created_at'),
           ('journal_entries', 'updated_at'),
           ('lesson_assignments', 'created_at'),
           ('lessons', 'created_at'),
           ('lessons', 'updated_at'),
           ('student_assignments', 'created_at'),
           ('student_assignments', 'updated_at'),
           ('student_term_grades', 'created_at'),
           ('student_term_grades', 'updated_at'),
           ('student_term_grades', 'last_calculated'),
           ('subjects', 'created_at'),
           ('term_subjects', 'created_at'),
           ('terms', 'created_at'),
           ('terms', 'updated_at'),
           ('users', 'created_at'),
           ('users', 'updated_at')
"""

CONVERT = """
do $$
declare
    patience integer := (select setting::integer from pg_settings where name = 'lock_timeout');
    started timestamptz := clock_timestamp();
    zone text := current_setting('timezone');
    change record;
begin
    -- one lock_timeout for all the locks together: whoever queues behind the first must not wait for eleven
    for change in select distinct column1 as name from ({columns}) as listed order by 1 loop
        if patience > 0 then
            perform set_config('lock_timeout',
                greatest(1, patience - extract(epoch from clock_timestamp() - started) * 1000)::integer::text, true);
        end if;
        execute format('lock table %I in access exclusive mode', change.name);
    end loop;
    perform set_config('lock_timeout', patience::text, true);
    -- under UTC PostgreSQL knows that the stored values stay as they are, and does not rewrite the tables
    perform set_config('timezone', 'UTC', true);
    for change in
        select relname as name,
               string_agg(format('alter column %I type {to}', attname), ', ' order by attname) as changes
          from ({columns}) as listed
          join pg_class on pg_class.oid = to_regclass(quote_ident(column1))
          join pg_attribute on attrelid = pg_class.oid and attname = column2
         where atttypid = '{found}'::regtype
         group by relname
    loop
        execute format('alter table %I %s', change.name, change.changes);
    end loop;
    perform set_config('timezone', zone, true);
end
$$
"""


def upgrade() -> None:
    op.execute(CONVERT.format(columns=COLUMNS, found="timestamp without time zone", to="timestamp with time zone"))


def downgrade() -> None:
    op.execute(CONVERT.format(columns=COLUMNS, found="timestamp with time zone", to="timestamp without time zone"))
