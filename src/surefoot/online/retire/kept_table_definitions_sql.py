"""The part of the block that writes the definition of a whole table, which is in schema `retired` and has no rows."""

# A table that could not be recreated exactly stays retired: one with rules, extended statistics, publications, security
# labels, another access method or tablespace, a composite type it is of, TOAST options, an invalid index, or privileges
# that somebody else than its owner granted.
TABLE = """
    select * into place from pg_class where oid = home;
    if place.reltablespace = 0 and place.reloftype = 0 and place.relkind = 'r' and not place.relhassubclass
       and place.relam in (select oid from pg_am where amname = current_setting('default_table_access_method'))
       and not exists (select from pg_rewrite where ev_class = home)
       and not exists (select from pg_statistic_ext where stxrelid = home)
       and not exists (select from pg_publication_rel where prrelid = home)
       and not exists (select from pg_seclabel where classoid = 'pg_class'::regclass and objoid = home)
       and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = home and deptype = 'e')
       and not exists (select from pg_class owned cross join aclexplode(relacl)
                        where oid = home and grantor <> relowner)
       and not exists (select from pg_attribute cross join aclexplode(attacl)
                        where attrelid = home and not attisdropped and grantor <> place.relowner)
       and not exists (select from pg_class where oid = place.reltoastrelid and reloptions is not null)
       and not exists (select from pg_index join pg_class c on c.oid = indexrelid
                        where indrelid = home and (not indisvalid or c.reltablespace <> 0))
       and not exists (select from pg_attribute join pg_index on attrelid = indexrelid
                        where indrelid = home and attstattarget >= 0)
       and not exists (select from retired.things
                        where what = 'column' and schema_name = 'retired' and table_name = held.stands_as)
    then
        statements := '[]';
        relations := array[home::oid];
        columns := '{{}}';
        for field in
            select * from pg_attribute where attrelid = home and attnum > 0 and not attisdropped order by attnum
        loop
{type}
            columns := columns || format('%I %s', field.attname, type);
{traits}
        end loop;
        statements := jsonb_build_array(jsonb_build_object('before',
            format('create %stable ', case place.relpersistence when 'u' then 'unlogged ' else '' end), 'after',
            format(' (%s)%s', array_to_string(columns, ', '),
                   ' with (' || array_to_string(place.reloptions, ', ') || ')'))) || statements;
        statements := statements || (
            select coalesce(jsonb_agg(jsonb_build_object('before', 'alter table ', 'after', case when k.oid is null
                       then format(' alter column %I set not null', attname)
                       else format(' add constraint %I %s', conname, pg_get_constraintdef(k.oid)) end)
                       order by attnum), '[]')
              from pg_attribute
              left join pg_constraint k on conrelid = home and contype = 'n' and conkey = array[attnum]
             where attrelid = home and attnum > 0 and attnotnull and not attisdropped);
{sequences}
        statements := statements || (
            select coalesce(jsonb_agg(jsonb_build_object('before', 'alter table ', 'after',
                       format(' alter column %I set default %s', attname, pg_get_expr(adbin, adrelid)))
                       order by attnum), '[]')
              from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum
             where adrelid = home and attgenerated = '');
        statements := statements || (
            select coalesce(jsonb_agg(jsonb_build_object('before', before, 'after', after) order by rank, name), '[]')
              from (
                  select case contype when 'p' then 1 when 'u' then 2 when 'x' then 3 when 'c' then 5 else 6 end
                             as rank,
                         conname as name, 'alter table ' as before,
                         format(' add constraint %I %s', conname, pg_get_constraintdef(oid)) as after
                    from pg_constraint
                   where conrelid = home and contype in ('p', 'u', 'x', 'c', 'f')
                  union all
                  select 4, relname, pg_get_indexdef(indexrelid), null
                    from pg_index join pg_class c on c.oid = indexrelid
                   where indrelid = home and not exists (select from pg_constraint where conindid = indexrelid
                                                            and conrelid = home and contype in ('p', 'u', 'x'))
                  union all
                  select 7, relname, format('alter index %I.%I set (%s)', 'retired', relname,
                                            array_to_string(reloptions, ', ')), null
                    from pg_index join pg_class c on c.oid = indexrelid
                    join pg_constraint on conindid = indexrelid and conrelid = home and contype in ('p', 'u', 'x')
                   where indrelid = home and reloptions is not null
                  union all
                  select 8, conname, format('comment on constraint %I on ', conname),
                         format(' is %L', obj_description(oid, 'pg_constraint'))
                    from pg_constraint where conrelid = home and obj_description(oid, 'pg_constraint') is not null
                  union all
                  select 8, relname, format('comment on index %I.%I is %L', 'retired', relname,
                                            obj_description(c.oid, 'pg_class')), null
                    from pg_index join pg_class c on c.oid = indexrelid
                   where indrelid = home and obj_description(c.oid, 'pg_class') is not null
                  union all
                  select 9, relname, 'alter table ', format(' cluster on %I', relname)
                    from pg_index join pg_class c on c.oid = indexrelid where indrelid = home and indisclustered
                  union all
                  select 9, relname, 'alter table ', format(' replica identity using index %I', relname)
                    from pg_index join pg_class c on c.oid = indexrelid where indrelid = home and indisreplident
                  union all
                  select 9, 'replica', 'alter table ', ' replica identity '
                         || case place.relreplident when 'n' then 'nothing' else 'full' end
                   where place.relreplident in ('n', 'f')
                  union all
                  select 9, 'rows', 'alter table ', ' enable row level security' where place.relrowsecurity
                  union all
                  select 9, 'rows', 'alter table ', ' force row level security' where place.relforcerowsecurity
                  union all
                  select 9, 'said', 'comment on table ', format(' is %L', obj_description(home, 'pg_class'))
                   where obj_description(home, 'pg_class') is not null
              ) as hung);
        statements := statements || (
            select coalesce(jsonb_agg(jsonb_build_object('about_roles', true, 'before', before, 'after', after)
                                      order by rank, before, after), '[]')
              from (
                  select 1 as rank, format('create policy %I on ', polname) as before,
                         format(' as %s for %s to %s%s%s',
                                case when polpermissive then 'permissive' else 'restrictive' end,
                                case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                                            when 'd' then 'delete' else 'all' end,
                                (select string_agg(case role when 0 then 'public'
                                                   else quote_ident(pg_get_userbyid(role)) end, ', ')
                                   from unnest(polroles) as role),
                                ' using (' || pg_get_expr(polqual, polrelid) || ')',
                                ' with check (' || pg_get_expr(polwithcheck, polrelid) || ')') as after
                    from pg_policy where polrelid = home
                  union all
                  select 2, format('comment on policy %I on ', polname),
                         format(' is %L', obj_description(oid, 'pg_policy'))
                    from pg_policy where polrelid = home and obj_description(oid, 'pg_policy') is not null
                  union all
                  select 3, 'alter table ', format(' owner to %I', pg_get_userbyid(place.relowner))
                  union all
                  select 4, format('revoke all on %s %s from %I',
                                   case relkind when 'S' then 'sequence' else 'table' end, owned.oid::regclass,
                                   pg_get_userbyid(place.relowner)), null
                    from pg_class owned where oid = any (relations) and relacl is not null
                  union all
                  select 5, format('grant %s on %s %s to %s%s', privilege_type,
                                   case relkind when 'S' then 'sequence' else 'table' end, owned.oid::regclass,
                                   case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
                                   case when is_grantable then ' with grant option' else '' end), null
                    from pg_class owned cross join aclexplode(relacl) where oid = any (relations)
              ) as roles);
    end if;
"""
DROP_TABLE = """
    execute format('drop table %s', home);
"""
