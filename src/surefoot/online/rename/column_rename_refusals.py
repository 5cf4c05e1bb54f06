"""The PL/pgSQL that refuses a column which a second one could not follow; it says why, and what to do instead.

What hangs on the column itself, its rules, keys and views, goes with it to the new name, and is no hindrance.
"""

MAY_HAVE_TWO_NAMES = r"""
    select found.reason, found.instead into reason, instead from (
        select 1 as rank, format('it is itself the old name of column %s', found.names[1]) as reason,
               format('op.end_column_rename(%L, %L, %L, since=%L)', {table}::text, attname, found.names[1],
                      found.names[2]) as instead
          from pg_attribute,
               regexp_match(col_description(target, attnum), '^Old name of column (.+), kept since revision (\S+)$')
               as found (names)
         where attrelid = target and attnum = source and found.names is not null
        union all
        select 2, format('its old name %I is still alive', twin.attname),
               format('op.end_column_rename(%L, %L, %L, since=%L)', {table}::text, twin.attname, itself.attname,
                      found.names[2])
          from pg_attribute as itself
          join pg_attribute as twin on twin.attrelid = target and not twin.attisdropped,
               regexp_match(col_description(target, twin.attnum),
                            '^Old name of column (.+), kept since revision (\S+)$') as found (names)
         where itself.attrelid = target and itself.attnum = source and found.names[1] = itself.attname
        union all
        select 3, format('index %I has column %s, whose old name %I is still alive', index.relname, found.names[1],
                         twin.attname),
               format('op.end_column_rename(%L, %L, %L, since=%L)', {table}::text, twin.attname, found.names[1],
                      found.names[2])
          from pg_attribute as twin,
               regexp_match(col_description(target, twin.attnum),
                            '^Old name of column (.+), kept since revision (\S+)$') as found (names),
               pg_attribute as itself, pg_index
          join pg_class as index on index.oid = indexrelid and not starts_with(relname, {prefix})
         where twin.attrelid = target and not twin.attisdropped
           and itself.attrelid = target and itself.attname = found.names[1]
           and indrelid = target
           and 2 = (select count(distinct number) from unnest(array[source, itself.attnum]) as number
                     where number = any (indkey::smallint[])
                        or exists (select from pg_depend
                                    where classid = 'pg_class'::regclass and objid = indexrelid
                                      and refclassid = 'pg_class'::regclass and refobjid = target
                                      and refobjsubid = number))
        union all
        select 4, case when attgenerated <> '' then 'its values are generated' else 'the server numbers it' end, null
          from pg_attribute where attrelid = target and attnum = source and (attgenerated <> '' or attidentity <> '')
        union all
        select 5, format('its default %s is another at each call', pg_get_expr(adbin, adrelid)), null
          from pg_attrdef
         where adrelid = target and adnum = source
           and exists (select from pg_attribute where attrelid = target and attnum = source and attgenerated = '')
           and exists (select from regexp_matches(adbin::text, '(funcid|opfuncid) (\d+)', 'g') as called (names)
                         join pg_proc on pg_proc.oid = called.names[2]::oid and provolatile = 'v')
        union all
        select 6, format('it is part of the primary key %I, by which rows are grouped and told', conname), null
          from pg_constraint where conrelid = target and contype = 'p' and source = any (conkey)
        union all
        select 7, format('its type %s is a domain with rules, a default or a domain below it, and PostgreSQL would '
                         'check each row of a new column while everybody waits', pg_type.oid::regtype), null
          from pg_attribute
          join pg_type on pg_type.oid = atttypid and typtype = 'd'
          join pg_type as base on base.oid = pg_type.typbasetype
         where attrelid = target and attnum = source
           and (pg_type.typnotnull or pg_type.typdefault is not null or base.typtype = 'd'
                or exists (select from pg_constraint where contypid = pg_type.oid))
        union all
        select 8, format('%s names it, and would not fire for what is written by the other name',
                         pg_describe_object(classid, objid, 0)), null
          from pg_depend
          join pg_trigger on pg_trigger.oid = objid and not tgisinternal and tgname !~ '^.?__(changing|old_name)_'
         where classid = 'pg_trigger'::regclass and refclassid = 'pg_class'::regclass
           and refobjid = target and refobjsubid = source
        union all
        select 9, format('function %s of trigger %I says %s, and would not see what is written by the other name',
                         proname, tgname, attname), null
          from pg_trigger
          join pg_proc on pg_proc.oid = tgfoid
          join pg_attribute on attrelid = target and attnum = source
         where tgrelid = target and not tgisinternal and tgtype & 3 = 3 and tgname !~ '^.?__(changing|old_name)_'
           and strpos(lower(regexp_replace(format(' %s %s ', prosrc, replace(encode(tgargs, 'escape'), '\000', ' ')),
                                           '\W', ' ', 'g')),
                      lower(format(' %s ', btrim(regexp_replace(attname, '\W', ' ', 'g'))))) > 0
        union all
        select 10, format('trigger %I fires last, and what it writes would not reach the other name', tgname), null
          from pg_trigger
         where tgrelid = target and not tgisinternal and tgtype & 3 = 3 and tgname !~ '^.?__changing_'
           and tgname > {beyond}
        union all
        select 11, format('rule %I does something else with what is written', rulename), null
          from pg_rewrite where ev_class = target
        union all
        select 12, format('its table is of type %s', reloftype::regtype), null
          from pg_class where pg_class.oid = target and reloftype <> 0
        union all
        select 13, format('subscription %s writes to the table by its names; disable that while both are alive',
                          subname), null
          from pg_subscription
          join pg_subscription_rel on srsubid = pg_subscription.oid
         where srrelid = target and subenabled
           and subdbid = (select oid from pg_database where datname = current_database())
    ) as found
    order by rank, found.reason
    limit 1;
    if reason is not null then
        raise exception using errcode = {refused}, message = format('%s: %s.', what, reason),
            hint = case when instead is null then hint
                        else format('End that in a revision before this one: %s. Nothing was changed.', instead) end;
    end if;
"""
