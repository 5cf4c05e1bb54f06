"""lessons end after they start

Why: a timetable cannot show a lesson that is over before it begins.
Locks: rows that are mended; ACCESS EXCLUSIVE on lessons for milliseconds for the CHECK, which is validated while the
table is read and written.
Data: the end of a lesson that is not after its start becomes NULL; the run says which, and
retired.lessons_mended_5b503ac82380 keeps them.
Way back: the rule goes; what was mended comes back in rows that were not changed since; of others it stays where it is
kept.

Revision ID: 5b503ac82380
Revises: cf1ecafd4090
Create Date: 2026-11-21 11:36:00+00:00
"""

from alembic import op

revision = "5b503ac82380"
down_revision = "cf1ecafd4090"
branch_labels = None
depends_on = None

CHECK = "end_time > start_time"
BROKEN = "end_time <= start_time"
SHOWN = "jsonb_build_object('end_time', lessons.end_time)"
MENDED = "jsonb_build_object('end_time', null)"

KEPT = "retired.lessons_mended_5b503ac82380"
MEND = f"""
do $$
declare
    found integer;
    shown text;
begin
    if not exists (select from lessons where {BROKEN}) then
        return;
    end if;
    create schema if not exists retired;
    create table if not exists {KEPT} (
        id integer,
        was jsonb not null,
        became jsonb not null,
        retired_at timestamptz default clock_timestamp(),
        left_at timestamptz,
        primary key (id, retired_at)
    );
    comment on table {KEPT} is 'lessons that ended before they began, before 5b503ac82380';
    with broken as (
        select id, {SHOWN} as was, {MENDED} as became
          from lessons
         where {BROKEN}
           for update
    ), kept as (
        insert into {KEPT} (id, was, became)
        select * from broken
     returning id, became
    )
    update lessons
       set end_time = fit.end_time
      from kept
     cross join jsonb_populate_record(null::lessons, became) as fit
     where lessons.id = kept.id;
    select count(*),
           string_agg(format('%s %s', id, was), ', ' order by id) filter (where place <= 10)
      into found, shown
      from (select id, was, row_number() over (order by id) as place from {KEPT} where left_at is null) as mended;
    raise warning 'lessons: % ended before they began and have no end now; '
        'what they had is in {KEPT} (first ones: lessons %)', found, shown;
end
$$
"""
GIVE_BACK = f"""
do $$
begin
    if to_regclass('{KEPT}') is null then
        return;
    end if;
    with given as (
        update lessons
           set end_time = old.end_time
          from {KEPT} as kept
         cross join jsonb_populate_record(null::lessons, was) as old
         where lessons.id = kept.id
           and left_at is null
           and {SHOWN} = became
     returning lessons.id
    )
    delete from {KEPT}
     where left_at is null
       and id in (select id from given);
    -- whoever has this key after the next way up may be another: what is left now is never given to anybody
    update {KEPT} set left_at = now() where left_at is null;
    if not exists (select from {KEPT}) then
        drop table {KEPT};
    end if;
    if not exists (select from pg_class where relnamespace = 'retired'::regnamespace) then
        drop schema retired;
    end if;
end
$$
"""


def upgrade() -> None:
    op.execute(MEND)
    op.add_check_online("lessons_end_time_check", "lessons", CHECK)


def downgrade() -> None:
    op.drop_constraint_online("lessons_end_time_check", "lessons")
    # lint: backfill-in-one-statement, loses-data only rows that were mended; what is deleted has just been given back
    op.execute(GIVE_BACK)
