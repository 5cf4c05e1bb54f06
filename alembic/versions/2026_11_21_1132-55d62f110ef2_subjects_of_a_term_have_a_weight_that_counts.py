"""subjects of a term have a weight that counts

Why: a negative weight made grades better the worse they were.
Locks: rows that are mended; ACCESS EXCLUSIVE on term_subjects for milliseconds for the CHECK, which is validated while
the table is read and written.
Data: a weight below zero, infinite or not a number becomes 1, the default; the run says which, and
retired.term_subjects_mended_55d62f110ef2 keeps what they had.
Way back: the rule goes; what was mended comes back in rows that were not changed since; of others it stays where it is
kept.

Revision ID: 55d62f110ef2
Revises: 2946b0597615
Create Date: 2026-11-21 11:32:00+00:00
"""

from alembic import op

revision = "55d62f110ef2"
down_revision = "2946b0597615"
branch_labels = None
depends_on = None

CHECK = "weight >= 0 and weight < 'Infinity'"
BROKEN = "not (weight >= 0 and weight < 'Infinity')"
SHOWN = "jsonb_build_object('weight', term_subjects.weight)"
MENDED = "jsonb_build_object('weight', 1)"

KEPT = "retired.term_subjects_mended_55d62f110ef2"
MEND = f"""
do $$
declare
    found integer;
    shown text;
begin
    if not exists (select from term_subjects where {BROKEN}) then
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
    comment on table {KEPT} is 'subjects of terms whose weight did not count before 55d62f110ef2';
    with broken as (
        select id, {SHOWN} as was, {MENDED} as became
          from term_subjects
         where {BROKEN}
           for update
    ), kept as (
        insert into {KEPT} (id, was, became)
        select * from broken
     returning id, became
    )
    update term_subjects
       set weight = fit.weight
      from kept
     cross join jsonb_populate_record(null::term_subjects, became) as fit
     where term_subjects.id = kept.id;
    select count(*),
           string_agg(format('%s %s', id, was), ', ' order by id) filter (where place <= 10)
      into found, shown
      from (select id, was, row_number() over (order by id) as place from {KEPT} where left_at is null) as mended;
    raise warning 'term_subjects: % had a weight below zero or beyond all numbers, which is 1 now; '
        'what they had is in {KEPT} (first ones: term_subjects %)', found, shown;
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
        update term_subjects
           set weight = old.weight
          from {KEPT} as kept
         cross join jsonb_populate_record(null::term_subjects, was) as old
         where term_subjects.id = kept.id
           and left_at is null
           and {SHOWN} = became
     returning term_subjects.id
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
    op.add_check_online("term_subjects_weight_check", "term_subjects", CHECK)


def downgrade() -> None:
    op.drop_constraint_online("term_subjects_weight_check", "term_subjects")
    # lint: backfill-in-one-statement, loses-data only rows that were mended; what is deleted has just been given back
    op.execute(GIVE_BACK)
