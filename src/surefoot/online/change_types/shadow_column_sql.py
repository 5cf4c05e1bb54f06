"""What a change of types looks for, and makes, in its table: columns, triggers, what an earlier try left behind."""

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
# Before, for each row; tgtype has a bit for each: 1 row, 2 before, 4 insert, 16 update.
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
# What a client writes must never fail because of us. A value that does not convert is noted in the sequence, which
# no rollback takes back, and looked at before the swap. The settings are the revision's: a cast may read the time zone.
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
# Another trigger may change a column that the statement does not name: then only the values themselves can tell. They
# are asked by the function behind `*<>`: with the operator pg_dump leaves out the casts to record, and what it writes
# compares column by column, by an operator that no column has.
ON_CHANGE = """
create trigger {trigger} before update on {table} for each row
when (pg_catalog.record_image_ne(row({old}), row({new}))) execute function {function}()
"""
ALWAYS = "alter table {table} enable always trigger {trigger}"
# Constraints first: a foreign key needs the index it points to.
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
