"""SQL beside released revisions: it drops the empty tables that they leave, and makes what their downgrades need."""

from surefoot.project import Companion

# Each of these tables is empty where no row needed it. An application's own revisions may have such tables too; theirs
# are not dropped, since their downgrades may need them.
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
QUOTES = Companion(spelled={"\N{LEFT DOUBLE QUOTATION MARK}": '"', "\N{RIGHT DOUBLE QUOTATION MARK}": '"'})
"""For a released revision with typographic quotes in a message of its SQL, which not every encoding has."""
COMPANIONS = {
    # Its downgrade reads the table without checking that it exists; it may have been purged, or dropped as empty.
    "3f1c9a7d52e4": Companion(
        after_upgrade=(EMPTY.format(table="users_grade_level_3f1c9a7d52e4"),),
        before_downgrade=("create schema if not exists retired", GRADE_LEVELS),
    ),
    # Its downgrade checks that the table exists, which the SQL of --sql cannot do.
    "28bd94ce4cd6": Companion(
        after_upgrade=(EMPTY.format(table="lesson_assignments_moved_28bd94ce4cd6"),),
        before_printed_downgrade=("create schema if not exists retired", MOVED_LESSONS),
    ),
    # They name a section of the guide in typographic quotes.
    "57273afeffda": QUOTES,
    "a946182cb78e": QUOTES,
    "243105e3ed23": QUOTES,
}
