"""What released revisions leave behind that holds nothing, and what their way down asks for all the same."""

from surefoot.project import Companion

# The tables stand in schema `retired` without a row where no row needed them. Of an application's own revisions nobody
# knows whether their way down looks first, so theirs stay.
EMPTY = """
do $$
begin
    if to_regclass('retired.{table}') is not null then
        if not exists (select from retired.{table}) then
            drop table retired.{table};
        end if;
    end if;
    if not exists (select from pg_depend where refclassid = 'pg_namespace'::regclass
                      and refobjid = to_regnamespace('retired')) then
        drop schema if exists retired;
    end if;
end
$$
"""
GRADE_LEVELS = """
create table if not exists retired.users_grade_level_3f1c9a7d52e4 (
    user_id integer,
    grade_level text not null,
    became integer,
    retired_at timestamptz default clock_timestamp(),
    left_at timestamptz,
    primary key (user_id, retired_at)
)
"""
MOVED_LESSONS = """
create table if not exists retired.lesson_assignments_moved_28bd94ce4cd6 (
    lesson_assignment_id integer primary key,
    lesson_id integer not null,
    assignment_template_id integer not null,
    order_in_lesson integer not null,
    created_at timestamptz not null,
    followed boolean not null default false
)
"""
COMPANIONS = {
    # Its way down gives the texts back without asking whether the table is there: it was purged, or never was.
    "3f1c9a7d52e4": Companion(
        after_upgrade=(EMPTY.format(table="users_grade_level_3f1c9a7d52e4"),),
        before_downgrade=("create schema if not exists retired", GRADE_LEVELS),
    ),
    # Its way down looks whether the table is there, which printed SQL cannot; and drops it where it is empty.
    "28bd94ce4cd6": Companion(
        after_upgrade=(EMPTY.format(table="lesson_assignments_moved_28bd94ce4cd6"),),
        before_printed_downgrade=("create schema if not exists retired", MOVED_LESSONS),
    ),
}
