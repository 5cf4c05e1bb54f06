"""The PL/pgSQL block that retires a column. It is executed online, and `--sql` prints the same block.

The parts that it shares with the block of a table are in `retire_sql_parts`.
"""

# Declarations; {table} and {column} are literals, {relation} the quoted table as a literal. {before_revision} is true
# in a check: the sync trigger of an interrupted change of types will have been dropped when the block itself runs.
PLACE = """
    target constant regclass := to_regclass({relation});
    place record;
    kind "char";
    reason text;
    instead text;
begin
    if target is null then
        raise exception using errcode = {wrong},
            message = format('There is no table %I to retire a column of.', {table}),
            hint = 'Correct the name in the revision; psql shows the tables with \\d.';
    end if;
    select attnum, atttypid, attidentity, attgenerated, attnotnull, attlen into place
      from pg_attribute
     where attrelid = target and attname = {column} and attnum > 0 and not attisdropped;
    if not found then
        raise exception using errcode = {wrong},
            message = format('Table %I has no column %I to retire.', {table}, {column}),
            hint = format('Correct the name in the revision; psql shows the columns with \\d %I.', {table});
    end if;
    select relkind into kind from pg_class where oid = target;
"""

# Continues PLACE with the reasons to refuse. They are left out where a repair retires, which takes dependents along.
REASONS = """
    {refuse_inheritance}
    select found.reason, found.instead into reason, instead from (
        select 2, case twin.attnum when place.attnum then format('it is the old name of column %I', names[1])
                       else format('its old name %I is still alive', twin.attname) end,
               format('End that in a revision before this one: op.end_column_rename(%L, %L, %L, since=%L).', {table},
                      twin.attname, names[1], names[2])
          from pg_attribute as twin,
               regexp_match(col_description(target, twin.attnum),
                            '^Old name of column (.+), kept since revision (\\S+)$') as kept (names)
         where twin.attrelid = target and not twin.attisdropped
           and (twin.attnum = place.attnum and names is not null or names[1] = {column})
        union all
        select 3, format('%s is no ordinary table', target), 'Only a column of a table can be retired.'
         where kind <> 'r'
        union all
        select 3, format('the table is one of type %s', reloftype::regtype),
               format('Let it be a table of its own first: alter table %s not of', target)
          from pg_class where oid = target and reloftype <> 0
        union all
        select 4, format('%s %I is on it', what, conname), remedy
          from pg_constraint
          join pg_index on indexrelid = conindid and place.attnum = any (indkey::smallint[])
         cross join lateral (
             select case contype when 'p' then 'primary key' else 'exclusion constraint' end,
                    case contype
                        when 'p' then 'A key stays as long as the table does; make another column the key first.'
                        else 'It could only be made again under a long lock: drop it first, in the same revision.'
                    end
         ) as say (what, remedy)
         where conrelid = target
           and contype in ('p', 'x')
        union all
        select 5, format('index %s over it is the replica identity', indexrelid::regclass),
               'Choose another with: alter table ... replica identity ...'
          from pg_index
         where indrelid = target and indisreplident and place.attnum = any (indkey::smallint[])
        union all
        select 6, {partitioned_reference} and place.attnum = any (confkey)
        union all
        select 7, format('its type %s refuses NULL, and rows could no longer be inserted', format_type(oid, null)),
               'Give the domain a default first, or change the column to the type beneath the domain.'
          from pg_type
         where oid = place.atttypid and typnotnull and typdefault is null and place.attidentity = ''
        union all
        select 8,
{dependent}
               {end_of_view} 'Drop that first, or make it anew without the column.')
          from pg_depend
         where refclassid = 'pg_class'::regclass
           and refobjid = target
           and refobjsubid = place.attnum
           and classid in ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass)
        union all
        select 9, format('generated column %I is made from it', attname), 'Retire that column first.'
          from pg_depend
          left join pg_attrdef on classid = 'pg_attrdef'::regclass and pg_attrdef.oid = objid
          join pg_attribute
            on attrelid = target and attnum = coalesce(adnum, objsubid) and attnum <> place.attnum
           and attgenerated <> '' and not starts_with(attname, '__retired_')
         where refclassid = 'pg_class'::regclass
           and refobjid = target
           and refobjsubid = place.attnum
           and (pg_attrdef.oid is not null or classid = 'pg_class'::regclass and objid = target)
        union all
        select 10, format('trigger %I is about it and about other columns', tgname),
               'Make the trigger anew without the column first.'
          from pg_trigger
         where tgrelid = target
           and not tgisinternal
           and not ({before_revision} and strpos(tgname, '__changing_') between 1 and 5)
           and (select count(distinct refobjsubid) > 1 and bool_or(refobjsubid = place.attnum)
                  from pg_depend
                 where classid = 'pg_trigger'::regclass and objid = pg_trigger.oid
                   and refclassid = 'pg_class'::regclass and refobjid = target and refobjsubid > 0)
{raise_reason}
            message = format('Column %I of table %I cannot be retired: %s.', {column}, {table}, reason), hint = instead;
    end if;
"""

# Continues PLACE or REASONS. Definitions are read once the column has its new name, under which they are made again,
# and with a search_path that makes PostgreSQL print schema-qualified names.
SET_ASIDE = """
declare {refusals}
    declare
{schemas}
        over constant oid[] := array(
            select indexrelid
              from pg_index
             where indrelid = target
               and (place.attnum = any (indkey::smallint[])
                    or exists (select from pg_depend
                                where classid = 'pg_class'::regclass and objid = indexrelid
                                  and refclassid = 'pg_class'::regclass and refobjid = target
                                  and refobjsubid = place.attnum)));
        tied constant oid[] := array(
            select oid
              from pg_constraint
             where contype in ('u', 'f', 'c', 'x')
               and conparentid = 0
               and (conrelid = target and place.attnum = any (conkey)
                    or conrelid = target and contype in ('u', 'x') and conindid = any (over)
                    or confrelid = target and (place.attnum = any (confkey) or conindid = any (over))));
        locked constant oid[] := array(
            select target::oid
            union
            select unnest(array[conrelid, confrelid]) from pg_constraint where oid = any (tied) and contype = 'f');
        patience text; aside name; readable name; keys text; width integer; sequences jsonb; hung jsonb;
        one record;
    begin
{lock}
        select name into strict aside
          from unnest({names}::text[])
            with ordinality as choice (name, nth)
         where not exists (select from pg_attribute where attrelid = target and attname = name)
         order by nth limit 1;
        select name into strict readable
          from unnest({views}::text[])
            with ordinality as choice (name, nth)
         where not exists (select from pg_class where relnamespace = 'retired'::regnamespace and relname = name)
         order by nth limit 1;
        execute format('alter table %s rename column %I to %I', target, {column}, aside);

        select coalesce(jsonb_agg(jsonb_build_object('name', relname, 'stands_as', free)), '[]') into sequences
          from pg_depend
          join pg_class owned on owned.oid = objid and relkind = 'S'
         cross join lateral (
             select name
               from unnest({sequences}::text[])
                 with ordinality as choice (name, nth)
              where not exists (select from pg_class taken
                                 where taken.relnamespace = owned.relnamespace and taken.relname = name)
              order by nth limit 1
         ) as choice (free)
         where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass
           and refobjid = target and refobjsubid = place.attnum and deptype in ('a', 'i');
        for one in select * from jsonb_to_recordset(sequences) as x (name text, stands_as text) loop
            execute format('alter sequence %I.%I rename to %I', home, one.name, one.stands_as);
        end loop;

        perform set_config('search_path', 'pg_catalog', true);
        hung := jsonb_build_object(
            'relation', target,
            'default', (select pg_get_expr(adbin, adrelid) from pg_attrdef
                         where adrelid = target and adnum = place.attnum and place.attgenerated = ''),
            'not_null', place.attnotnull and place.attidentity = '',
            'not_null_valid', (select coalesce(bool_and(convalidated), true) from pg_constraint
                                where conrelid = target and contype = 'n' and conkey = array[place.attnum]),
            'constraints', coalesce((
                select jsonb_agg({constraint} order by contype = 'f' desc, conrelid::regclass::text, conname)
                  from pg_constraint as bound where oid = any (tied)), '[]'),
            'indexes', coalesce((
                select jsonb_agg({index} order by indexrelid::regclass::text)
                  from pg_index as held where indexrelid = any (over) and not indisexclusion), '[]'),
            'triggers', coalesce((
                select jsonb_agg({trigger} order by tgname)
                  from pg_trigger as held
                 where tgrelid = target
                   and not tgisinternal
                   and exists (select from pg_depend
                                where classid = 'pg_trigger'::regclass and objid = held.oid
                                  and refclassid = 'pg_class'::regclass and refobjid = target
                                  and refobjsubid = place.attnum)), '[]'),
            'statistics', coalesce((
                select jsonb_agg({statistics} order by stxname)
                  from pg_statistic_ext as held
                 where stxrelid = target
                   and pg_has_role(stxowner, 'USAGE')
                   and exists (select from pg_depend
                                where classid = 'pg_statistic_ext'::regclass and objid = held.oid
                                  and refclassid = 'pg_class'::regclass and refobjid = target
                                  and refobjsubid = place.attnum)), '[]'),
            'sequences', sequences
        );
        if hung -> 'statistics' = '[]' then  -- as in what earlier releases wrote, and in the snapshot
            hung := hung - 'statistics';
        end if;
{drop_statistics}
{drop_constraints}
        for one in select * from jsonb_to_recordset(hung -> 'indexes') as x (name text) loop
            execute format('drop index if exists %I.%I', home, one.name);
        end loop;
{drop_triggers}
        if hung ->> 'default' is not null then
            execute format('alter table %s alter column %I drop default', target, aside);
        end if;
        if (hung ->> 'not_null')::boolean then
            execute format('alter table %s alter column %I drop not null', target, aside);
        end if;

        select coalesce(string_agg(format('%I', attname), ', ' order by array_position(conkey, attnum)), 'ctid as ctid')
          into keys
          from pg_constraint
          join pg_attribute on attrelid = conrelid and attnum = any (conkey)
         where conrelid = target and contype = 'p';
        execute format('create view retired.%I with (security_invoker = true) as select %s, %I as %I from %s',
                       readable, keys, aside, {column}, target);
        select coalesce(max(avg_width), nullif(place.attlen, -1)) into width from pg_stats
         where schemaname = home and tablename = {table} and attname = aside;
        -- a row of that name is of a column that somebody has dropped since: the name was free
        delete from retired.things
         where what = 'column' and schema_name = home and table_name = {table} and stands_as = aside;
        insert into retired.things (what, schema_name, table_name, column_name, revision, direction, stands_as,
                                    readable_as, rows, bytes, definitions)
        select 'column', home, {table}, {column}, {revision}, {direction}, aside,
               readable, counted, counted * width, hung
          from (select coalesce({rows}, (select nullif(reltuples, -1)::bigint from pg_class where oid = target)))
               as x (counted);
        perform set_config('search_path', path, true);
    end;
end
"""

# The end of SET_ASIDE for a column that the printed change of types keeps: it has no dependents of its own.
NO_DEPENDENTS = """jsonb_build_object('relation', target, 'default', null, 'not_null', false, 'not_null_name', null,
           'not_null_valid', true, 'constraints', '[]'::jsonb, 'indexes', '[]'::jsonb, 'triggers', '[]'::jsonb,
           'sequences', '[]'::jsonb)"""
PRINTED_RECORD = """
    insert into retired.things (what, schema_name, table_name, column_name, revision, direction, stands_as, readable_as,
                                rows, definitions)
    select 'column', (select nspname from pg_namespace where oid = relnamespace), relname, {column}, {revision},
           {direction}, kept, readable.name, greatest(reltuples, 0), {no_dependents}
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
""".replace("{no_dependents}", NO_DEPENDENTS)
