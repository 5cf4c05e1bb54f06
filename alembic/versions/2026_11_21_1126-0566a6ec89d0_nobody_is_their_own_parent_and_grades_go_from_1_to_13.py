"""nobody is their own parent and grades go from -1 to 13

Why: who is their own parent has a family tree without end, and a report of grade 99 has one pupil.
Locks: rows that are mended; ACCESS EXCLUSIVE on users for milliseconds for each CHECK, which is validated while users
are read and written.
Data: a parent_id that is the user's own id, and a grade_level beyond -1 (pre-school) and 13, become NULL; the run says
whose, and retired.users_mended_0566a6ec89d0 keeps them.
Way back: the rules go; what was mended comes back in rows that were not changed since; of others it stays where it is
kept.

Revision ID: 0566a6ec89d0
Revises: 697c3bef29b6
Create Date: 2026-11-21 11:26:00+00:00
"""

from alembic import op

revision = "0566a6ec89d0"
down_revision = "697c3bef29b6"
branch_labels = None
depends_on = None

CHECKS = {
    "users_parent_id_check": "parent_id <> id",
    "users_grade_level_check": "grade_level between -1 and 13",
}
BROKEN = "parent_id = id or grade_level not between -1 and 13"
SHOWN = "jsonb_build_object('parent_id', users.parent_id, 'grade_level', users.grade_level)"
MENDED = """
jsonb_build_object(
    'parent_id', nullif(parent_id, id),
    'grade_level', case when grade_level between -1 and 13 then grade_level end
)
""".strip()

KEPT = "retired.users_mended_0566a6ec89d0"
MEND = f"""
do $$
declare
    found integer;
    shown text;
begin
    if not exists (select from users where {BROKEN}) then
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
    comment on table {KEPT} is 'users who were their own parent, or in a grade that there is not, before 0566a6ec89d0';
    with broken as (
        select id, {SHOWN} as was, {MENDED} as became
          from users
         where {BROKEN}
           for update
    ), kept as (
        insert into {KEPT} (id, was, became)
        select * from broken
     returning id, became
    )
    update users
       set parent_id = fit.parent_id, grade_level = fit.grade_level
      from kept
     cross join jsonb_populate_record(null::users, became) as fit
     where users.id = kept.id;
    select count(*),
           string_agg(format('%s %s', id, was), ', ' order by id) filter (where place <= 10)
      into found, shown
      from (select id, was, row_number() over (order by id) as place from {KEPT} where left_at is null) as mended;
    raise warning 'users: % were their own parent or in a grade beyond -1 to 13, which is NULL now; '
        'what they had is in {KEPT} (first ones: users %)', found, shown;
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
        update users
           set parent_id = old.parent_id, grade_level = old.grade_level
          from {KEPT} as kept
         cross join jsonb_populate_record(null::users, was) as old
         where users.id = kept.id
           and left_at is null
           and {SHOWN} = became
     returning users.id
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
    for name, condition in CHECKS.items():
        op.add_check_online(name, "users", condition)


def downgrade() -> None:
    for name in CHECKS:
        op.drop_constraint_online(name, "users")
    # lint: backfill-in-one-statement, loses-data only rows that were mended; what is deleted has just been given back
    op.execute(GIVE_BACK)
