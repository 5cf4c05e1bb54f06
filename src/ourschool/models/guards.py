"""What the database keeps by itself, told once: append-only tables, and the names of those who did something.

A revision carries its own copy of every statement here; a change here needs a revision of its own.

What keeps books runs as its owner, with a search_path of its own: whoever may write a table need not be able to write,
or even read, what is kept beside it.
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
"""Trigger function of append-only tables, for each row and for TRUNCATE."""

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
"""Trigger function that writes the name of a user beside the key that becomes NULL when the user is deleted."""


def appended_only(table: str) -> tuple[str, str]:
    """The triggers that refuse UPDATE, DELETE and TRUNCATE of `table`."""
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


def name_kept(table: str, column: str) -> tuple[str, str]:
    """The triggers that fill the name beside `column` unless the writer gives one: on insert, and when it changes.

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


def closed(function: str) -> str:
    """Let nobody but its owner hang the trigger function on a table: firing it asks for no right, and stays possible.

    It runs as its owner: on a table of their own making, whoever may create a trigger would make the owner run theirs.
    """
    return f"revoke execute on function {function}() from public"


def goes_with(model: type[Base], *statements: str) -> None:
    """Run the statements whenever the model's table is created: its functions and triggers."""
    _listen(model.__table__, "after_create", statements)


def goes_before_all(*statements: str) -> None:
    """Run the statements before any table is created: what CHECKs and triggers of several tables call."""
    _listen(Base.metadata, "before_create", statements)


def _listen(target: Any, moment: str, statements: tuple[str, ...]) -> None:
    for statement in statements:
        sa.event.listen(target, moment, sa.DDL(statement.strip().replace("%", "%%")))  # type: ignore[no-untyped-call]


goes_before_all(REFUSE_CHANGE, closed("refuse_change"), KEEP_NAME, closed("keep_name"))
