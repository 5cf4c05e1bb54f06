"""SQL of the shadow columns and their triggers: what is made, what is found, what an earlier try has left.

`PRINTED_LEFTOVERS` is the `--sql` form of what `ShadowColumns.remove` does.
"""

from psycopg import sql

TARGETS = """
select a.attname::text as name,
       col_description(a.attrelid, a.attnum) as comment
  from pg_attribute a
 where a.attrelid = :table
   and a.attname = any (:names)
   and not a.attisdropped
"""
TRIGGERS = """
select t.tgname::text as name,
       p.prosrc as body,
       coalesce((select bool_and(replace(current_setting(split_part(each, '=', 1)), ' ', '')
                                 = replace(substr(each, strpos(each, '=') + 1), ' ', ''))
                   from unnest(p.proconfig) as each), false) as as_here,
       t.tgqual is not null as by_value,
       array(select a.attname::text from pg_attribute a
              where a.attrelid = t.tgrelid and a.attnum = any (t.tgattr::smallint[]) order by a.attnum) as columns
  from pg_trigger t
  join pg_proc p on p.oid = t.tgfoid
 where t.tgrelid = :table
   and not t.tgisinternal
   and t.tgname like '%\\_\\_changing\\_%'
 order by t.tgname
"""
# Row-level BEFORE triggers of others; the bits of tgtype are 1 row, 2 before, 4 insert, 16 update.
OTHERS = """
select t.tgname::text as name,
       t.tgtype & 16 <> 0 as on_update
  from pg_trigger t
 where t.tgrelid = :table
   and not t.tgisinternal
   and t.tgtype & 3 = 3
   and t.tgname not like '%\\_\\_changing\\_%'
"""
WATCHED = """
select a.attname::text as name
  from pg_attribute a
 where a.attrelid = :table
   and a.attnum > 0
   and not a.attisdropped
   and a.attgenerated = ''
 order by a.attnum
"""
# A client's write must never fail because of the trigger. A value that cannot be converted is counted in a sequence,
# which no rollback resets, and checked before the cutover. The settings are those of the revision's session, because a
# cast may depend on the time zone.
FUNCTION = sql.SQL("""
create or replace function {function}() returns trigger
language plpgsql
security definer
set search_path from current
set timezone from current
set datestyle from current
set intervalstyle from current
as {body}
""")
BODY = sql.SQL("""
begin
    begin
        select {values} into {targets} from (select new.*) as {table};
    exception when others then
        perform nextval({misses});
        {one_by_one}
    end;
    return new;
end
""")
ONE = sql.SQL("""
        begin
            select {value} into {target} from (select new.*) as {table};
        exception when others then
            {target} := null;
        end;
""")
ON_INSERT = "create trigger {trigger} before insert on {table} for each row execute function {function}()"
ON_UPDATE = "create trigger {trigger} before update of {columns} on {table} for each row execute function {function}()"
# Another trigger may change a column that the statement does not name, which UPDATE OF does not see: then the condition
# compares the values. It calls the function behind `*<>`, because pg_dump writes the operator without the casts to
# record, and a restore of that fails: it would compare column by column, by an operator that no type has.
ON_CHANGE = """
create trigger {trigger} before update on {table} for each row
when (pg_catalog.record_image_ne(row({old}), row({new}))) execute function {function}()
"""
ALWAYS = "alter table {table} enable always trigger {trigger}"
# Constraints come first: a foreign key depends on the index of the columns that it references.
LEFTOVERS = """
select 1 as rank,
       c.conrelid::regclass::text as on,
       c.conrelid <> :table as elsewhere,
       format('alter table %s drop constraint %I', c.conrelid::regclass, c.conname) as statement
  from pg_constraint c
 where :table in (c.conrelid, c.confrelid)
   and c.contype in ('c', 'f')
   and (starts_with(c.conname, '__changing_') or starts_with(c.conname, 'ourschool_') and exists (
           select from pg_attribute a
            where a.attrelid = c.conrelid and a.attnum = any (c.conkey) and a.attname = any (:names)))
union all
select 2, i.indrelid::regclass::text, false, format('drop index %s', i.indexrelid::regclass)
  from pg_index i
  join pg_class x on x.oid = i.indexrelid
 where i.indrelid = :table
   and starts_with(x.relname, '__changing_')
 order by 1, 2, 4
"""
# The same for the printed block, which has no use for what an interrupted run left: it drops the triggers, their
# function and the new shadow columns as well.
PRINTED_LEFTOVERS = """
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
