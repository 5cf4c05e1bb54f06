"""A change of types as SQL that psql runs: PostgreSQL's own rewrite, with the old values kept as retired columns."""

from collections.abc import Mapping

from psycopg import sql

from surefoot.online import retired_registry, target_table
from surefoot.online.change_types.column_attributes import CONSTANT
from surefoot.online.change_types.conversion import temporary
from surefoot.online.change_types.preflight import Wanted
from surefoot.online.executor import Steps
from surefoot.online.retire.column_retirement import PREFIX

TELL = """
-- The type of {columns} in {table}: run by psql this stops everybody who uses the table while it is rewritten, and the
-- way back computes the old values anew. python -m alembic upgrade does it beside the users' work.
"""
OFTEN = 9
"""How often psql may go one way or the other: each time keeps a column, which only Alembic takes back."""
# What a run beside the users' work left behind where it was cut off: none of it is of use to a rewrite.
LEFTOVERS = """
    for leftover in
        select 1 as rank, format('drop trigger %I on %s', tgname, target) as statement
          from pg_trigger
         where tgrelid = target and not tgisinternal and tgname like '%\\_\\_changing\\_%'
        union
        select 2, format('drop function %s', tgfoid::regprocedure)
          from pg_trigger
         where tgrelid = target and not tgisinternal and tgname like '%\\_\\_changing\\_%'
        union all
        select 3, format('alter table %s drop constraint %I', c.conrelid::regclass, c.conname)
          from pg_constraint c
         where target in (c.conrelid, c.confrelid)
           and c.contype in ('c', 'f')
           and (starts_with(c.conname, '__changing_') or starts_with(c.conname, 'ourschool_') and exists (
                   select from pg_attribute a
                    where a.attrelid = c.conrelid and a.attnum = any (c.conkey)
                      and (starts_with(a.attname, '__changing_') or starts_with(a.attname, '__retired_'))))
        union all
        select 4, format('drop index %s', i.indexrelid::regclass)
          from pg_index i
          join pg_class x on x.oid = i.indexrelid and starts_with(x.relname, '__changing_')
         where i.indrelid = target
        union all
        select 5, format('alter table %s drop column %I', target, attname)
          from pg_attribute
         where attrelid = target and not attisdropped and starts_with(attname, '__changing_')
           and starts_with(col_description(attrelid, attnum), 'ourschool: ')
        union all
        select 6, format('alter table %s alter column %I drop not null', target, attname)
          from pg_attribute
         where attrelid = target and not attisdropped and starts_with(attname, '__retired_')
           and attnotnull and attidentity = ''
         order by 1, 2
    loop
        execute leftover.statement;
    end loop;
    drop sequence if exists {misses};
"""
# A constant default goes the way of the values, as it does online; any other has to fit the new type by itself.
BLOCK = """
declare
    target constant regclass := {table};
    place record;
    leftover record;
    plain text;
    kept name;
    keys text;
    triggers text[];
    filled boolean;
begin
    {alone}
    create temporary table ourschool_type (wanted {type}) on commit drop;
    select a.attnum, format_type(a.atttypid, a.atttypmod) as type, pg_get_expr(e.adbin, e.adrelid) as value,
           {constant} as constant
      into strict place
      from pg_attribute a
      left join pg_attrdef e on e.adrelid = a.attrelid and e.adnum = a.attnum and a.attgenerated = ''
     where a.attrelid = target and a.attname = {column} and not a.attisdropped;
    if place.type = (select format_type(atttypid, atttypmod) from pg_attribute
                      where attrelid = 'pg_temp.ourschool_type'::regclass and attname = 'wanted') then
        drop table pg_temp.ourschool_type;
        return;
    end if;
    drop table pg_temp.ourschool_type;
    execute format('lock table %s in access exclusive mode', target);
{leftovers}
    execute format('select exists (select from %s)', target) into filled;
    select name into strict kept from unnest({kept}::text[]) with ordinality as choice (name, nth)
     where not exists (select from pg_attribute where attrelid = target and attname = name) order by nth limit 1;
    if filled then
        execute format('alter table %s add column %I %s', target, kept, place.type);
    end if;
    select array_agg(format('drop trigger %I on %s', tgname, tgrelid::regclass) order by tgname)
           || array_agg(pg_get_triggerdef(oid) order by tgname)
           || array_agg(format('alter table %s %s trigger %I', tgrelid::regclass, case tgenabled
                  when 'D' then 'disable' when 'R' then 'enable replica' when 'A' then 'enable always' else 'enable'
              end, tgname) order by tgname)
      into triggers
      from pg_trigger
     where tgrelid = target
       and not tgisinternal
       and exists (select from pg_depend where classid = 'pg_trigger'::regclass and objid = pg_trigger.oid
                      and refclassid = 'pg_class'::regclass and refobjid = target and refobjsubid = place.attnum);
    for nth in 1 .. coalesce(cardinality(triggers) / 3, 0) loop
        execute triggers[nth];
    end loop;
    if filled then
        execute format('update %s set %I = %I', target, kept, {column});
    end if;
    if place.value is not null then
        execute format('alter table %s alter column %I drop default', target, {column});
    end if;
    execute format('alter table %s alter column %I type %s using (%s)', target, {column}, {type_text}, {using});
    if place.value is not null then
        if place.constant then
            execute format('select ((%s)::%s)::text from (select (%s)::%s as %I) as %s', {using}, {type_text},
                           place.value, place.type, {column}, {alias}) into plain;
            place.value := format('%L::%s', plain, {type_text});
        end if;
        execute format('alter table %s alter column %I set default %s', target, {column}, place.value);
    end if;
    for nth in coalesce(cardinality(triggers) / 3, 0) + 1 .. coalesce(cardinality(triggers), 0) loop
        execute triggers[nth];
    end loop;
    if not filled then
        return;
    end if;
    {record}
end
"""
RECORD = """
    insert into retired.things (what, schema_name, table_name, column_name, revision, direction, stands_as, readable_as,
                                rows, definitions)
    select 'column', relnamespace::regnamespace::text, relname, {column}, {revision}, {direction}, kept, readable.name,
           greatest(reltuples, 0), {nothing}
      from pg_class
      cross join lateral (
          select name from unnest({views}::text[]) with ordinality as choice (name, nth)
           where not exists (select from pg_class where relnamespace = 'retired'::regnamespace and relname = name)
           order by nth limit 1
      ) as readable
     where oid = target
    returning readable_as into plain;
    select coalesce(string_agg(format('%I', attname), ', ' order by array_position(conkey, attnum)), 'ctid as ctid')
      into keys
      from pg_constraint
      join pg_attribute on attrelid = conrelid and attnum = any (conkey)
     where conrelid = target and contype = 'p';
    execute format('create view retired.%I with (security_invoker = true) as select %s, %I as %I from %s',
                   plain, keys, kept, {column}, target);
"""
NOTHING = """jsonb_build_object('relation', target, 'default', null, 'not_null', false, 'not_null_name', null,
           'not_null_valid', true, 'constraints', '[]'::jsonb, 'indexes', '[]'::jsonb, 'triggers', '[]'::jsonb,
           'sequences', '[]'::jsonb)"""


def print_block(steps: Steps, table: str, wanted: Mapping[str, Wanted]) -> None:
    """Print a block for each column; one that has its type already is left alone, so that psql may run it again."""
    columns = ", ".join(wanted)
    steps.context.impl.static_output(TELL.format(columns=columns, table=table).strip())
    for statement in retired_registry.SET_UP:
        steps.execute(statement)
    for column, asked in wanted.items():
        record = sql.SQL(RECORD).format(
            column=column,
            revision=steps.revision,
            direction=steps.direction,
            nothing=sql.SQL(NOTHING),
            views=retired_registry.names(f"{table}_{column}_{steps.revision}", most=OFTEN),
        )
        body = sql.SQL(BLOCK).format(
            leftovers=sql.SQL(LEFTOVERS).format(misses=sql.Identifier(temporary(steps.revision, f"{table}_misses"))),
            table=sql.SQL("{}::regclass").format(sql.Identifier(table).as_string()),
            column=column,
            alone=target_table.ALONE,
            constant=sql.SQL(CONSTANT),
            type=sql.SQL(asked.type),
            type_text=asked.type,
            using=asked.using,
            alias=sql.Identifier(table).as_string(),
            kept=retired_registry.names(f"{PREFIX}{steps.revision}_{column}", most=OFTEN),
            record=record,
        )
        steps.execute(retired_registry.block(body))
