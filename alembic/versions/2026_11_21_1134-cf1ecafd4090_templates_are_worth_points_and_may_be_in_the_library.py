"""templates are worth points and may be in the library

Why: what is worth no points has no percentage; and a school's own collection had no mark.
Locks: rows that are mended; ACCESS EXCLUSIVE on assignment_templates for milliseconds for the CHECK, which is
validated while the table is read and written.
Data: a max_points below 1 becomes 1, the least there is; the run says which, and
retired.assignment_templates_mended_cf1ecafd4090 keeps what they had. No template is in the library yet.
Way back: rule, column or name go back; what was mended comes back in rows that were not changed since; of others it
stays where it is kept.

Revision ID: cf1ecafd4090
Revises: 55d62f110ef2
Create Date: 2026-11-21 11:34:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "cf1ecafd4090"
down_revision = "55d62f110ef2"
branch_labels = None
depends_on = None

CHECK = "max_points > 0"
BROKEN = "max_points <= 0"
SHOWN = "jsonb_build_object('max_points', assignment_templates.max_points)"
MENDED = "jsonb_build_object('max_points', 1)"

KEPT = "retired.assignment_templates_mended_cf1ecafd4090"
MEND = f"""
do $$
declare
    found integer;
    shown text;
begin
    if not exists (select from assignment_templates where {BROKEN}) then
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
    comment on table {KEPT} is 'templates that were worth no points before cf1ecafd4090';
    with broken as (
        select id, {SHOWN} as was, {MENDED} as became
          from assignment_templates
         where {BROKEN}
           for update
    ), kept as (
        insert into {KEPT} (id, was, became)
        select * from broken
     returning id, became
    )
    update assignment_templates
       set max_points = fit.max_points
      from kept
     cross join jsonb_populate_record(null::assignment_templates, became) as fit
     where assignment_templates.id = kept.id;
    select count(*),
           string_agg(format('%s %s', id, was), ', ' order by id) filter (where place <= 10)
      into found, shown
      from (select id, was, row_number() over (order by id) as place from {KEPT} where left_at is null) as mended;
    raise warning 'assignment_templates: % were worth no points and are worth 1 now; '
        'what they had is in {KEPT} (first ones: templates %)', found, shown;
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
        update assignment_templates
           set max_points = old.max_points
          from {KEPT} as kept
         cross join jsonb_populate_record(null::assignment_templates, was) as old
         where assignment_templates.id = kept.id
           and left_at is null
           and {SHOWN} = became
     returning assignment_templates.id
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
    op.add_check_online("assignment_templates_max_points_check", "assignment_templates", CHECK)
    if not op.restore_column("assignment_templates", "is_library"):
        op.add_column(
            "assignment_templates",
            sa.Column(
                "is_library",
                sa.Boolean(),
                nullable=False,
                server_default=sa.false(),
                comment="kept in the school's library for every teacher to take from",
            ),
            if_not_exists=True,
        )


def downgrade() -> None:
    op.retire_column("assignment_templates", "is_library")
    op.drop_constraint_online("assignment_templates_max_points_check", "assignment_templates")
    # lint: backfill-in-one-statement, loses-data only rows that were mended; what is deleted has just been given back
    op.execute(GIVE_BACK)
