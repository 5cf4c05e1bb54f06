"""Triggers that several tables share: append-only tables, and the names of users beside keys that may become NULL.

A revision carries its own copy of every statement here; a change here needs a revision of its own.

Trigger functions that write other tables are SECURITY DEFINER with a search_path of their own: who may write the one
table needs no right on the other.
"""

from typing import Any

import sqlalchemy as sa

from ourschool.models.base import Base

REFUSE_CHANGE = """
create function refuse_change() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
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
"""
"""The trigger function of append-only tables, for each row and for TRUNCATE."""

KEEP_NAME = """
create function keep_name() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
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
"""
"""The trigger function that writes the name of a user beside the key that becomes NULL when the user is deleted."""


def append_only_triggers(table: str) -> tuple[str, str]:
    """Return the triggers that refuse UPDATE, DELETE and TRUNCATE of `table`."""
    return (
        f"""
create trigger {table}_append_only before update or delete on {table}
for each row execute function refuse_change()
""",
        f"""
create trigger {table}_never_truncated before truncate on {table}
for each statement execute function refuse_change()
""",
    )


def name_triggers(table: str, column: str) -> tuple[str, str]:
    """Return the triggers that fill the name beside `column` on insert and on its update, unless the writer gives one.

    The name of `confirmed_by` is in `confirmed_by_name`, that of `author_id` in `author_name`.
    """
    name = column.removesuffix("_id") + "_name"
    return (
        f"""
create trigger {table}_{name}d before insert on {table}
for each row when (new.{column} is not null and new.{name} is null)
execute function keep_name('{column}', '{name}')
""",
        f"""
create trigger {table}_{column}_renamed before update of {column} on {table}
for each row when (
    new.{column} is not null
    and new.{column} is distinct from old.{column}
    and (new.{name} is null or new.{name} is not distinct from old.{name})
)
execute function keep_name('{column}', '{name}')
""",
    )


def revoke_execute(function: str) -> str:
    """Return the REVOKE after which only the owner can create triggers with the function; firing needs no right.

    It is SECURITY DEFINER: on a table of theirs, others could make it write with the owner's rights.
    """
    return f"revoke execute on function {function}() from public"


def after_create(model: type[Base], *statements: str) -> None:
    """Execute the statements, functions and triggers, after the model's table is created by SQLAlchemy."""
    _listen(model.__table__, "after_create", statements)


def before_create_all(*statements: str) -> None:
    """Execute the statements before SQLAlchemy creates any table: what CHECKs and triggers of several tables call."""
    _listen(Base.metadata, "before_create", statements)


def _listen(target: Any, moment: str, statements: tuple[str, ...]) -> None:
    for statement in statements:
        sa.event.listen(target, moment, sa.DDL(statement.strip().replace("%", "%%")))  # type: ignore[no-untyped-call]


before_create_all(REFUSE_CHANGE, revoke_execute("refuse_change"), KEEP_NAME, revoke_execute("keep_name"))
