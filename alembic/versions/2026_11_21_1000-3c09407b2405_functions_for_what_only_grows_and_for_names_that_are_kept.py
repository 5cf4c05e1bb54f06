"""functions for what only grows and for names that are kept

Why: four tables must never be edited, and who did something must stay readable when that user is deleted; no
application can promise either.
Locks: none.
Data: none.
Way back: the functions go; what uses them is gone before.

Revision ID: 3c09407b2405
Revises: 4ad87c1e95b0
Create Date: 2026-11-21 10:00:00+00:00
"""

from alembic import op

revision = "3c09407b2405"
down_revision = "4ad87c1e95b0"
branch_labels = None
depends_on = None


FUNCTIONS = (
    """
create or replace function refuse_change() returns trigger
language plpgsql
as $$
declare
    leaving record;
    gone boolean;
    freed text[] := '{}';
    was jsonb;
    becomes jsonb;
begin
    -- the one way round: set_config('ourschool.retiring', 'on', true) in the transaction that retires rows
    if coalesce(current_setting('ourschool.retiring', true), '') = 'on' then
        if tg_op = 'UPDATE' then
            return new;
        end if;
        return old;
    end if;
    -- what a foreign key does by itself goes through: the row it points to is gone already when it does
    for leaving in
        select a.attname as name, p.attname as target, k.confrelid::regclass as parent, k.confdeltype as action
          from pg_constraint k
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
          join pg_attribute p on p.attrelid = k.confrelid and p.attnum = k.confkey[1]
         where k.conrelid = tg_relid
           and k.contype = 'f'
           and k.confdeltype = case tg_op when 'DELETE' then 'c' when 'UPDATE' then 'n' end
           and cardinality(k.conkey) = 1
    loop
        execute format(
            'select ($1).%1$I is not null and not exists (select from %2$s where %3$I = ($1).%1$I)',
            leaving.name, leaving.parent, leaving.target
        ) into gone using old;
        if gone and tg_op = 'DELETE' then
            return old;
        elsif gone then
            freed := freed || leaving.name::text;
        end if;
    end loop;
    if cardinality(freed) > 0 then
        was := to_jsonb(old);
        becomes := to_jsonb(new);
        if becomes - freed = was - freed
           and not exists (
               select from unnest(freed) as name where becomes -> name not in ('null'::jsonb, was -> name)
           )
        then
            return new;
        end if;
    end if;
    raise exception '% only grows: % is refused', tg_table_name, tg_op
        using errcode = 'restrict_violation',
              hint = 'Add a row that corrects it. To set rows aside, ourschool.retiring must be on in the transaction.';
end
$$
""",
    """
create or replace function keep_name() returns trigger
language plpgsql
as $$
declare
    name text;
begin
    execute format(
        'select btrim(concat_ws('' '', first_name, last_name)) from %I.users where id = ($1).%I',
        tg_table_schema, tg_argv[0]
    ) into name using new;
    return jsonb_populate_record(new, jsonb_build_object(tg_argv[1], name));
end
$$
""",
)


def upgrade() -> None:
    for function in FUNCTIONS:
        op.execute(function)


def downgrade() -> None:
    op.execute("drop function if exists keep_name()")
    op.execute("drop function if exists refuse_change()")
