r"""users.grade_level becomes a number

Why: '7', '7th' and 'Grade 7' are one grade, and no report could know it. From here on it is an integer: pre-school -1,
kindergarten 0, then 1 to 13.
Locks: ACCESS EXCLUSIVE on users for the rewrite of that one table, a few thousand rows: tens of milliseconds.
Data: every text that the number alone would not give back is kept in retired.users_grade_level_3f1c9a7d52e4. What
cannot be read becomes NULL, and the run says how many and which users.
Way back: texts come back as they were, for whoever's grade was not changed since; others get '8', 'K' or 'Pre-K'. Texts
of those who were changed or deleted stay where they are kept.

Revision ID: 3f1c9a7d52e4
Revises: cd0edd614cc5
Create Date: 2026-11-21 09:00:00+00:00
"""

from alembic import op

revision = "3f1c9a7d52e4"
down_revision = "cd0edd614cc5"
branch_labels = None
depends_on = None

READ = r"""
    case
        when users.grade_level ~* '^\s*(k|kg|kindergarten)\s*$' then 0
        when users.grade_level ~* '^\s*(-1|pre[-\s]?(k|kg|kindergarten|school))\s*$' then -1
        when users.grade_level
             ~* '^\s*((grade|year|class)\s*)?0*([0-9]|1[0-3])\s*(st|nd|rd|th)?(\s*(grade|year|class))?\s*$'
            then substring(users.grade_level from '[0-9]+')::integer
    end
"""

WRITTEN = "case ({number}) when -1 then 'Pre-K' when 0 then 'K' else ({number})::text end"

SET_ASIDE = f"""
    insert into retired.users_grade_level_3f1c9a7d52e4 (user_id, grade_level, became)
    select id,
           grade_level,
           {READ}
      from users
     where grade_level is not null
       and grade_level is distinct from {WRITTEN.format(number=READ)}
"""

TELL = """
do $$
declare
    unread integer;
    shown text;
begin
    select count(*),
           string_agg(format('%s %L', user_id, left(grade_level, 40)), ', ' order by user_id) filter (where place <= 10)
      into unread, shown
      from (
          select user_id, grade_level, row_number() over (order by user_id) as place
            from retired.users_grade_level_3f1c9a7d52e4
           where became is null
             and left_at is null
             and btrim(grade_level) <> ''
      ) as kept;
    if unread > 0 then
        raise warning 'grade_level: % of % users had a text that is no grade and have NULL now; '
            'the texts are in retired.users_grade_level_3f1c9a7d52e4 (first ones: users %)',
            unread, (select count(*) from users), shown;
    end if;
end
$$
"""

GIVE_BACK = f"""
    with given as (
        update users
           set grade_level = kept.grade_level
          from retired.users_grade_level_3f1c9a7d52e4 as kept
         where kept.user_id = users.id
           and kept.left_at is null
           and kept.became is not distinct from ({READ})
     returning users.id
    )
    delete from retired.users_grade_level_3f1c9a7d52e4
     where left_at is null
       and user_id in (select id from given)
"""

# Whoever has this key after the next way up may be somebody else: what is left now is never given to anybody.
LEAVE = """
    update retired.users_grade_level_3f1c9a7d52e4
       set left_at = now()
     where left_at is null
"""

LEAVE_NOTHING_EMPTY = """
do $$
begin
    if not exists (select from retired.users_grade_level_3f1c9a7d52e4) then
        drop table retired.users_grade_level_3f1c9a7d52e4;
    end if;
    if not exists (select from pg_class where relnamespace = 'retired'::regnamespace) then
        drop schema retired;
    end if;
end
$$
"""


def upgrade() -> None:
    op.execute("lock table users in access exclusive mode")
    op.execute("create schema if not exists retired")
    op.execute("""
        create table if not exists retired.users_grade_level_3f1c9a7d52e4 (
            user_id integer,
            grade_level text not null,
            became integer,
            retired_at timestamptz default clock_timestamp(),
            left_at timestamptz,
            primary key (user_id, retired_at)
        )
    """)
    op.execute("""
        comment on table retired.users_grade_level_3f1c9a7d52e4
             is 'users.grade_level as it was written before revision 3f1c9a7d52e4, and the number it became'
    """)
    # lint: lock-held-beside-long-work users has a few thousand rows, and nobody may write a text that is then not read
    op.execute(SET_ASIDE)
    op.execute(TELL)
    # lint: rewrites-table users has a few thousand rows: tens of milliseconds
    op.execute(f"alter table users alter column grade_level type integer using {READ}")


def downgrade() -> None:
    op.execute("lock table users in access exclusive mode")
    # lint: rewrites-table users has a few thousand rows: tens of milliseconds
    op.execute(f"""
        alter table users
        alter column grade_level type character varying
        using {WRITTEN.format(number="grade_level")}
    """)
    # lint: backfill-in-one-statement, lock-held-beside-long-work users has a few thousand rows, fewer have a text kept
    # lint: loses-data what is deleted from what was kept has just been given back to users, in the same statement
    op.execute(GIVE_BACK)
    op.execute(LEAVE)
    # lint: loses-data the table is dropped only where it is empty
    op.execute(LEAVE_NOTHING_EMPTY)
