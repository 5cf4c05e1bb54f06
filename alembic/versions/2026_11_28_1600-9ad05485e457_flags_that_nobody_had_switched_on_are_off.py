"""flags that nobody had switched on are off

Why: 17d4b8e26fa9 made NULL in users.is_active and assignment_templates.is_exportable true, but the application takes
it for false: whoever could not sign in could, and what could not be exported could.
Locks: the rows that are mended.
Data: who had NULL is kept in retired.users_mended_9ad05485e457, and likewise for templates, just before 17d4b8e26fa9
runs; they are off from here on, and the run says how many and who. Whoever was edited or has signed in since is on by
somebody's choice, stays so and is named. Where 17d4b8e26fa9 ran before it was amended, nobody can tell any more who had
NULL: the run says so, and MIGRATIONS.md tells how a backup knows.
Way back: they are on again, as 17d4b8e26fa9 left them; its own way back gives NULL back to whom nobody has changed.

Revision ID: 9ad05485e457
Revises: 3bbd118a38df
Create Date: 2026-11-28 16:00:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "9ad05485e457"
down_revision = "3bbd118a38df"
branch_labels = None
depends_on = None

amends = "17d4b8e26fa9"
"""A released revision, whose file can no longer change: what it forgets is kept around it, by what stands below."""

FLAGS = {"users": "is_active", "assignment_templates": "is_exportable"}
# 17d4b8e26fa9 itself fills updated_at with created_at where it was NULL.
EDITED = "changed.updated_at <> coalesce((kept.was ->> 'updated_at')::timestamptz, changed.created_at)"
CHOSEN = {
    "users": f"{EDITED} or exists (select from user_sessions where user_id = kept.id and created_at > kept.retired_at)",
    "assignment_templates": EDITED,
}
KEEP = """
do $$
declare
    found integer;
    shown text;
begin
    if not exists (select from {table} where {flag} is null) then
        return;
    end if;
    create schema if not exists retired;
    create table if not exists {kept} (
        id integer,
        was jsonb not null,
        became jsonb not null,
        retired_at timestamptz default clock_timestamp(),
        left_at timestamptz,
        primary key (id, retired_at)
    );
    comment on table {kept} is '{table} whose {flag} was NULL before 17d4b8e26fa9';
    insert into {kept} (id, was, became)
    select id, jsonb_build_object('{flag}', null, 'updated_at', updated_at), '{{"{flag}": true}}'
      from {table} as missing
     where {flag} is null
       and not exists (select from {kept} as kept where kept.id = missing.id and left_at is null);
    select count(*), string_agg(id::text, ', ' order by id) filter (where place <= 10)
      into found, shown
      from (select id, row_number() over (order by id) as place from {kept} where left_at is null) as one;
    raise notice '{table}: % have NULL in {flag}, which the application takes for false; {kept} keeps them, '
        'and 9ad05485e457 makes them false (first ones: %)', found, shown;
end
$$
"""
MEND = """
do $$
declare
    found integer;
    shown text;
begin
    if to_regclass('{kept}') is null then
        return;
    end if;
    with chosen as (
        update {kept} as kept
           set left_at = now()
          from {table} as changed
         where changed.id = kept.id
           and left_at is null
           and ({chosen})
     returning kept.id, changed.{flag} as value
    )
    select count(*), string_agg(id::text, ', ' order by id)
      into found, shown
      from chosen
     where value;
    if found > 0 then
        raise warning '{table}: % whose {flag} was NULL were edited or used since 17d4b8e26fa9 made it true, and '
            'keep it: {table} %. Set it to false where that is wrong.', found, shown;
    end if;
    with mended as (
        update {table}
           set {flag} = false
          from {kept} as kept
         where {table}.id = kept.id
           and left_at is null
           and {flag}
     returning {table}.id
    )
    update {kept}
       set became = '{{"{flag}": false}}'
     where left_at is null
       and id in (select id from mended);
    select count(*), string_agg(id::text, ', ' order by id) filter (where place <= 10)
      into found, shown
      from (
            select id, row_number() over (order by id) as place
              from {kept}
             where left_at is null
               and became = '{{"{flag}": false}}'
           ) as mended;
    if found > 0 then
        raise warning '{table}: % had NULL in {flag}, which the application takes for false, and are false now; '
            '{kept} keeps who they are (first ones: {table} %)', found, shown;
    end if;
end
$$
"""
# The journal is bookkeeping, and has a note on each run of 17d4b8e26fa9 around which NULL was kept.
TELL_WHAT_NOBODY_KEPT = """
do $$
declare
    ran timestamptz;
begin
    if to_regclass('migration_journal') is null then
        return;
    end if;
    select max(started_at + duration)
      into ran
      from migration_journal
     where revision = '17d4b8e26fa9'
       and direction = 'upgrade'
       and outcome = 'done'
       and coalesce(note, '') not like '%NULL%';
    if exists (select from users where created_at <= ran) then
        raise warning 'users: 17d4b8e26fa9 ran here before it kept whose is_active was NULL, and made them active. '
            'If there were such users, the backup from before knows them: MIGRATIONS.md, "Users who were neither on '
            'nor off".';
    end if;
end
$$
"""
TAKE_BACK = """
do $$
begin
    if to_regclass('{kept}') is null then
        return;
    end if;
    with given as (
        update {table}
           set {flag} = true
          from {kept} as kept
         where {table}.id = kept.id
           and left_at is null
           and became = '{{"{flag}": false}}'
           and not {flag}
     returning {table}.id
    )
    update {kept}
       set became = '{{"{flag}": true}}'
     where left_at is null
       and id in (select id from given);
end
$$
"""
GIVE_NULL_BACK = """
do $$
begin
    if to_regclass('{kept}') is null then
        return;
    end if;
    with given as (
        update {table}
           set {flag} = null
          from {kept} as kept
         where {table}.id = kept.id
           and left_at is null
           and became = jsonb_build_object('{flag}', {flag})
     returning {table}.id
    )
    delete from {kept}
     where left_at is null
       and id in (select id from given);
    -- whoever has this key after the next way up may be another: what is left now is never given to anybody
    update {kept} set left_at = now() where left_at is null;
    if not exists (select from {kept}) then
        drop table {kept};
    end if;
    if not exists (select from pg_class where relnamespace = 'retired'::regnamespace) then
        drop schema retired;
    end if;
end
$$
"""


def kept(table: str) -> str:
    return f"retired.{table}_mended_9ad05485e457"


def each(statement: str) -> None:
    for table, flag in FLAGS.items():
        op.execute(statement.format(table=table, flag=flag, kept=kept(table), chosen=CHOSEN[table]))


def before_amended() -> str | None:
    """Before 17d4b8e26fa9 goes up; returns what its line in the journal notes."""
    each(KEEP)
    return None if op.get_context().as_sql else " and ".join(noted(*flag) for flag in FLAGS.items())


def noted(table: str, flag: str) -> str:
    there = op.get_bind().scalar(sa.text(f"select to_regclass('{kept(table)}')")) is not None
    count = op.get_bind().scalar(sa.text(f"select count(*) from {kept(table)} where left_at is null")) if there else 0
    return f"{count} NULL in {table}.{flag}"


def after_amended_way_back() -> None:
    """After 17d4b8e26fa9 has gone down."""
    each(GIVE_NULL_BACK)


def upgrade() -> None:
    # lint: backfill-in-one-statement only rows that had NULL
    each(MEND)
    op.execute(TELL_WHAT_NOBODY_KEPT)


def downgrade() -> None:
    # lint: backfill-in-one-statement only rows that were mended
    each(TAKE_BACK)
