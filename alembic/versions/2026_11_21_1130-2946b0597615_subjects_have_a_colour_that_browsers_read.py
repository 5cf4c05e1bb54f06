"""subjects have a colour that browsers read

Why: a colour that no browser reads shows as none.
Locks: rows that are mended; ACCESS EXCLUSIVE on subjects for milliseconds for the CHECK, which is validated while the
table is read and written.
Data: '#FFF' becomes '#FFFFFF', a colour that cannot be read the default; the run says which, and
retired.subjects_mended_2946b0597615 keeps what they had.
Way back: the rule goes; what was mended comes back in rows that were not changed since; of others it stays where it is
kept.

Revision ID: 2946b0597615
Revises: fb1733680cf3
Create Date: 2026-11-21 11:30:00+00:00
"""

from alembic import op

revision = "2946b0597615"
down_revision = "fb1733680cf3"
branch_labels = None
depends_on = None

CHECK = "color ~ '^#[0-9A-Fa-f]{6}$'"
BROKEN = "color !~ '^#[0-9A-Fa-f]{6}$'"
SHOWN = "jsonb_build_object('color', subjects.color)"
MENDED = r"""
jsonb_build_object(
    'color',
    case
        when color ~ '^\s*#?[0-9A-Fa-f]{6}\s*$' then '#' || btrim(color, E'# \t\n\r')
        when color ~ '^#[0-9A-Fa-f]{3}$' then regexp_replace(color, '([0-9A-Fa-f])', '\1\1', 'g')
        else '#3B82F6'
    end
)
""".strip()

KEPT = "retired.subjects_mended_2946b0597615"
MEND = f"""
do $$
declare
    found integer;
    shown text;
begin
    if not exists (select from subjects where {BROKEN}) then
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
    comment on table {KEPT} is 'subjects whose colour was not like #3B82F6 before 2946b0597615';
    with broken as (
        select id, {SHOWN} as was, {MENDED} as became
          from subjects
         where {BROKEN}
           for update
    ), kept as (
        insert into {KEPT} (id, was, became)
        select * from broken
     returning id, became
    )
    update subjects
       set color = fit.color
      from kept
     cross join jsonb_populate_record(null::subjects, became) as fit
     where subjects.id = kept.id;
    select count(*),
           string_agg(format('%s %s', id, was), ', ' order by id) filter (where place <= 10)
      into found, shown
      from (select id, was, row_number() over (order by id) as place from {KEPT} where left_at is null) as mended;
    raise warning 'subjects: % had a colour that is not like #3B82F6 and was mended; '
        'what they had is in {KEPT} (first ones: subjects %)', found, shown;
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
        update subjects
           set color = old.color
          from {KEPT} as kept
         cross join jsonb_populate_record(null::subjects, was) as old
         where subjects.id = kept.id
           and left_at is null
           and {SHOWN} = became
     returning subjects.id
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
    op.add_check_online("subjects_color_check", "subjects", CHECK)


def downgrade() -> None:
    op.drop_constraint_online("subjects_color_check", "subjects")
    # lint: backfill-in-one-statement, loses-data only rows that were mended; what is deleted has just been given back
    op.execute(GIVE_BACK)
