"""The PL/pgSQL block that retires a table. It is executed online, and `--sql` prints the same block.

The parts that it shares with the block of a column are in `retire_sql_parts`.
"""

PLACE = """
    target constant regclass := to_regclass({relation});
    kind "char";
    reason text;
    instead text;
begin
    if target is null then
        raise exception using errcode = {wrong}, message = format('There is no table %I to retire.', {table}),
            hint = 'Correct the name in the revision; psql shows the tables with \\d.';
    end if;
    select relkind into kind from pg_class where oid = target;
"""

# Continues PLACE with the reasons to refuse. They are left out where a repair retires, which takes dependents along.
# {going} is an array of the tables that an earlier operation of the revision retires, where this is only a check.
REASONS = """
    {refuse_inheritance}
    select found.reason, found.instead into reason, instead from (
        select 2, 'it is no ordinary table', 'Only a table can be retired; drop a view, it holds no rows.'
         where kind <> 'r'
        union all
        select 3, {partitioned_reference}
        union all
        select 4,
{dependent}
               {end_of_view} 'Drop that first, or make it anew without the table.')
          from pg_depend
          left join pg_rewrite on classid = 'pg_rewrite'::regclass and pg_rewrite.oid = objid
          left join pg_policy on classid = 'pg_policy'::regclass and pg_policy.oid = objid
          left join pg_class as user_of on user_of.oid = coalesce(ev_class, polrelid)
         where (refclassid = 'pg_class'::regclass and refobjid = target
                or refclassid = 'pg_type'::regclass
                   and refobjid in (select unnest(array[pg_type.oid, typarray]) from pg_type where typrelid = target))
           and (classid = 'pg_proc'::regclass
                or classid in ('pg_rewrite'::regclass, 'pg_policy'::regclass) and user_of.oid <> target
                   and user_of.relnamespace is distinct from to_regnamespace('retired')
                   and user_of.relname <> all ({going}::name[])
                or classid = 'pg_class'::regclass and refclassid = 'pg_type'::regclass and objid <> target)
{raise_reason}
            message = format('Table %I cannot be retired: %s.', {table}, reason), hint = instead;
    end if;
"""

# Continues PLACE or REASONS. Foreign keys of the table to itself stay; indexes and sequences are renamed only where
# their names are taken in schema `retired`.
SET_ASIDE = """
declare {refusals}
    declare
{schemas}
        tied constant oid[] := array(
            select oid
              from pg_constraint
             where contype = 'f' and conparentid = 0 and target in (conrelid, confrelid) and conrelid <> confrelid);
        locked constant oid[] := array(
            select target::oid
            union
            select unnest(array[conrelid, confrelid]) from pg_constraint where oid = any (tied));
        patience text; aside name; free name; hung jsonb; renamed jsonb := '[]';
        one record;
    begin
{lock}
        select name into strict aside
          from unnest({names}::text[])
            with ordinality as choice (name, nth)
         where not exists (select from pg_class where relname = name
                              and relnamespace in ('retired'::regnamespace, quote_ident(home)::regnamespace))
         order by nth limit 1;
        perform set_config('search_path', 'pg_catalog', true);
        hung := jsonb_build_object(
            'relation', target,
            'constraints', coalesce((
                select jsonb_agg({constraint} order by conrelid::regclass::text, conname)
                  from pg_constraint as bound where oid = any (tied)), '[]'),
            'triggers', coalesce((
                select jsonb_agg({trigger} order by tgname)
                  from pg_trigger as held where tgrelid = target and not tgisinternal), '[]')
        );
{drop_constraints}
{drop_triggers}
        for one in
            select relname, case relkind when 'S' then 'sequence' else 'index' end as kind
              from pg_class
             where oid in (select indexrelid from pg_index where indrelid = target
                           union
                           select objid from pg_depend where classid = 'pg_class'::regclass and deptype in ('a', 'i')
                              and refclassid = 'pg_class'::regclass and refobjid = target)
               and relkind in ('S', 'i')
             order by relname
        loop
            select name into strict free
              from (values (one.relname::text, 1),
                           (left(one.relname, 30) || '_' || md5({revision} || one.relname), 2),
                           (md5({revision} || one.relname || '2'), 3)
                     union all
                    select md5({revision} || one.relname || nth), nth from generate_series(4, 99) as nth
                   ) as choice (name, nth)
             where octet_length(name) <= 63
               and name <> aside
               and not exists (select from pg_class where relname = name
                                  and (relnamespace = 'retired'::regnamespace
                                       or nth > 1 and relnamespace = quote_ident(home)::regnamespace))
             order by nth limit 1;
            if free <> one.relname then
                execute format('alter %s %I.%I rename to %I', one.kind, home, one.relname, free);
                renamed := renamed || jsonb_build_object('kind', one.kind, 'name', one.relname, 'stands_as', free);
            end if;
        end loop;
        execute format('alter table %s rename to %I', target, aside);
        execute format('alter table %s set schema retired', target);
        -- who grants what others granted him, as a dump of the database does, has to see the schema
        for one in
            select distinct grantor::regrole as name
              from (select relowner, relacl from pg_class where oid = target
                    union all
                    select relowner, attacl from pg_attribute join pg_class on pg_class.oid = attrelid
                     where attrelid = target and not attisdropped) as held (owner, acl)
             cross join aclexplode(acl)
             where grantor <> owner
        loop
            execute format('grant usage on schema retired to %s', one.name);
        end loop;
        -- rows of that name are of a table that somebody has dropped since: the name was free
        delete from retired.things
         where what = 'table' and schema_name = home and table_name = {table} and stands_as = aside
            or what = 'column' and schema_name = 'retired' and table_name = aside;
        insert into retired.things (what, schema_name, table_name, revision, direction, stands_as, readable_as, rows,
                                    bytes, definitions)
        select 'table', home, {table}, {revision}, {direction}, aside, aside,
               coalesce({rows}, nullif(reltuples, -1)::bigint), pg_total_relation_size(target),
               hung || jsonb_build_object('renamed', renamed)
          from pg_class
         where oid = target;
        update retired.things set schema_name = 'retired', table_name = aside
         where what = 'column' and schema_name = home and table_name = {table};
        perform set_config('search_path', path, true);
    end;
end
"""
