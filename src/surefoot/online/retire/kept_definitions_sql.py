"""The blocks that take a thing without rows away but for its definition, and that make it again, empty, where it was.

A definition is a list of statements. Each is `before`, and where the thing's table is named in it the table's name and
`after`; a statement that names roles is `about_roles`, and one that a role is missing for is told, not refused.
"""

SET_UP = """
        execute format('create table if not exists %s ('
            'id bigint generated always as identity primary key,'
            'what text not null,'
            'schema_name name not null,'
            'table_name name not null,'
            'column_name name,'
            'revision text not null,'
            'direction text not null,'
            'retired_at timestamptz not null,'
            'thing jsonb not null,'
            'statements jsonb not null)', registry);
        execute format('comment on table %s is %L', registry,
            'Columns and tables that were taken away without rows: the way back makes them again from this');
"""

# Drops the registry and the schema where nothing is left in them.
TIDY = """
    if to_regclass('retired.things') is not null then
        if not exists (select from retired.things) then
            drop table retired.things;
        end if;
    end if;
    if not exists (select from pg_depend where refclassid = 'pg_namespace'::regclass
                      and refobjid = to_regnamespace('retired')) then
        drop schema if exists retired;
    end if;
"""

# {which} chooses the things; {empty} is whether only those without rows go.
KEEP = """
declare
    path constant text := current_setting('search_path');
    registry constant text := format('%I.{registry}', current_schema());
    held record; home regclass; filled boolean; place record; statements jsonb;
    type text; options text; next bigint; relations oid[]; columns text[]; one record; many record; field record;
begin
    if to_regclass('retired.things') is null then
        return;
    end if;
    for held in select * from retired.things where what = {what} and {which} order by id loop
        home := to_regclass(case held.what when 'column' then format('%I.%I', held.schema_name, held.table_name)
                            else format('retired.%I', held.stands_as) end);
        continue when home is null;
        if {empty} then
            begin
                -- what a policy hides is there all the same; and an older snapshot does not see the latest rows
                perform set_config('row_security', 'off', true);
                execute format('select exists (select from %s)', home) into filled;
                if not filled then
                    execute format('lock table only %s in access exclusive mode', home);
                    execute format('select exists (select from %s)', home) into filled;
                end if;
            exception when insufficient_privilege then
                filled := true;
            end;
            continue when filled
                or current_setting('transaction_isolation') <> 'read committed' and pg_relation_size(home) > 0;
        end if;
        perform set_config('search_path', 'pg_catalog', true);
        statements := null;
{describe}
        perform set_config('search_path', path, true);
        continue when statements is null and {empty};
        begin
{drop}
        exception when dependent_objects_still_exist then
            if {empty} then
                continue;
            end if;
            raise;
        end;
        if statements is not null then
{set_up}
            if held.what = 'column' and held.schema_name = 'retired' then
                select coalesce(max(schema_name), held.schema_name), coalesce(max(table_name), held.table_name)
                  into held.schema_name, held.table_name
                  from retired.things
                 where what = 'table' and stands_as = held.table_name;
            end if;
            execute format('insert into %s (what, schema_name, table_name, column_name, revision, direction,'
                           ' retired_at, thing, statements) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)', registry)
              using held.what, held.schema_name, held.table_name, held.column_name, held.revision, held.direction,
                    held.retired_at, to_jsonb(held), statements;
        end if;
        delete from retired.things where id = held.id;
    end loop;
{tidy}
end
"""

# A type that was set aside after the column has its own name again before the column comes back.
TYPE = """
        type := format_type({row}.atttypid, {row}.atttypmod);
        select * into many from pg_type where {row}.atttypid in (oid, typarray)
           and typnamespace = 'retired'::regnamespace;
        if found then
            type := replace(type, format('retired.%I', many.typname),
                            format('%I.%I', held.schema_name, regexp_replace(many.typname, '_[0-9a-z]+$', '')));
        end if;
        if {row}.attcollation <> 0 then
            select format(' collate %I.%I', nspname, collname) into many
              from pg_collation join pg_namespace n on n.oid = collnamespace
             where pg_collation.oid = {row}.attcollation
               and pg_collation.oid <> (select typcollation from pg_type where oid = {row}.atttypid);
            type := type || coalesce(many.format, '');
        end if;
        if {row}.attgenerated <> '' then
            type := type || format(' generated always as (%s) %s',
                (select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = home and adnum = {row}.attnum),
                case {row}.attgenerated when 's' then 'stored' else 'virtual' end);
        end if;
"""

# Of the attribute {row} of `home`: what ALTER TABLE … ALTER COLUMN gives it.
TRAITS = """
        statements := statements || (
            select coalesce(jsonb_agg(jsonb_build_object('before', 'alter table ', 'after',
                       format(' alter column %I ', {row}.attname) || trait)), '[]')
              from pg_type
             cross join lateral (values
                 (case when {row}.attstorage <> typstorage then 'set storage ' || case {row}.attstorage
                      when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end end),
                 (case {row}.attcompression when 'p' then 'set compression pglz'
                      when 'l' then 'set compression lz4' end),
                 (case when {row}.attstattarget >= 0 then format('set statistics %s', {row}.attstattarget) end),
                 ('set (' || array_to_string({row}.attoptions, ', ') || ')')
             ) as traits (trait)
             where oid = {row}.atttypid and trait is not null);
        if col_description(home, {row}.attnum) is not null then
            statements := statements || jsonb_build_object('before', 'comment on column ', 'after',
                format('.%I is %L', {row}.attname, col_description(home, {row}.attnum)));
        end if;
        statements := statements || (
            select coalesce(jsonb_agg(jsonb_build_object('about_roles', true,
                       'before', format('grant %s (%I) on ', privilege_type, {row}.attname),
                       'after', format(' to %s%s',
                                       case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
                                       case when is_grantable then ' with grant option' else '' end))), '[]')
              from aclexplode({row}.attacl));
"""

# The sequences of `home` that `{column}` is true of; each goes on where it stood. An identity makes its own.
SEQUENCES = """
        for one in
            select pg_sequence.*, c.oid, relname, nspname, relpersistence, attname, attidentity, deptype,
                   format_type(atttypid, atttypmod) as column_type, obj_description(c.oid, 'pg_class') as said
              from pg_depend
              join pg_class c on c.oid = objid and relkind = 'S'
              join pg_namespace n on n.oid = relnamespace
              join pg_sequence on seqrelid = c.oid
              join pg_attribute on attrelid = home and attnum = refobjsubid
             where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and refobjid = home
               and deptype in ('a', 'i') and {column}
             order by attnum, deptype, relname
        loop
            relations := relations || one.oid;
            execute format('select least(greatest(last_value + case when is_called then $1 else 0 end, $2), $3)'
                           ' from %I.%I', one.nspname, one.relname)
               into next using one.seqincrement, one.seqmin, one.seqmax;
            options := format('increment %s minvalue %s maxvalue %s start %s cache %s %s', one.seqincrement, one.seqmin,
                              one.seqmax, next, one.seqcache, case when one.seqcycle then 'cycle' else 'no cycle' end);
            if one.deptype = 'a' then
                statements := statements || jsonb_build_object('before', format('create %ssequence %I.%I as %s %s',
                    case one.relpersistence when 'u' then 'unlogged ' else '' end, one.nspname, one.relname,
                    format_type(one.seqtypid, null), options)) || jsonb_build_object(
                    'before', format('alter sequence %I.%I owned by ', one.nspname, one.relname),
                    'after', format('.%I', one.attname));
            else
                statements := statements || jsonb_build_object('before', 'alter table ', 'after',
                    format(' {alter} generated %3$s as identity (sequence name %4$I.%5$I %6$s)', one.attname,
                           one.column_type, case one.attidentity when 'a' then 'always' else 'by default' end,
                           one.nspname, one.relname, options));
            end if;
            statements := statements || jsonb_build_object('before',
                format('alter sequence %I.%I start %s', one.nspname, one.relname, one.seqstart));
            if one.said is not null then
                statements := statements || jsonb_build_object('before', format('comment on sequence %I.%I is %L',
                    one.nspname, one.relname, one.said));
            end if;
        end loop;
"""

# An identity column comes with its identity, which numbers the rows that came meanwhile, as it would have done.
COLUMN = """
    select * into place from pg_attribute
     where attrelid = home and attname = held.stands_as and attnum > 0 and not attisdropped;
    if found then
        statements := '[]';
        if place.attidentity = '' then
{type}
            statements := statements || jsonb_build_object('before', 'alter table ', 'after',
                format(' add column %I %s', place.attname, type));
        end if;
{sequences}
{traits}
    end if;
"""
DROP_COLUMN = """
    execute format('drop view if exists retired.%I', held.readable_as);
    execute format('alter table %s drop column if exists %I', home, held.stands_as);
"""

MAKE = """
declare
    path constant text := current_setting('search_path');
    registry constant text := format('%I.{registry}', current_schema());
    held record; home text; each jsonb; left_over boolean;
begin
    if to_regclass(registry) is null then
        return;
    end if;
    execute 'select * from ' || registry || {which} || ' order by id desc limit 1' into held;
    if held.id is null then
        return;
    end if;
    {set_up}
    home := case held.what when 'column' then format('%I.%I', held.schema_name, held.table_name)
                           else format('retired.%I', held.thing ->> 'stands_as') end;
    perform set_config('search_path', 'pg_catalog', true);
    begin
        for each in select jsonb_array_elements(held.statements) loop
            continue when (each ->> 'about_roles')::boolean;
            execute (each ->> 'before') || coalesce(home || (each ->> 'after'), '');
        end loop;
    exception when undefined_object or undefined_table or undefined_column or undefined_function or duplicate_table
              or duplicate_column or duplicate_object or invalid_schema_name then
        raise exception using errcode = {refused},
            message = format('%s cannot be restored from its definition: %s.',
                             concat_ws('.', held.table_name, held.column_name), sqlerrm),
            hint = 'Put right what it names, and run the same command again. Nothing was changed.';
    end;
    for each in select jsonb_array_elements(held.statements) loop
        continue when (each ->> 'about_roles') is distinct from 'true';
        begin
            execute (each ->> 'before') || coalesce(home || (each ->> 'after'), '');
        exception when undefined_object or insufficient_privilege then
            raise warning '% is back without: % (%)', concat_ws('.', held.table_name, held.column_name),
                (each ->> 'before') || coalesce(home || (each ->> 'after'), ''), sqlerrm;
        end;
    end loop;
    insert into retired.things (what, schema_name, table_name, column_name, revision, direction, retired_at, retired_by,
                                stands_as, readable_as, rows, bytes, definitions)
    values (held.what, held.schema_name, held.table_name, held.column_name, held.revision, held.direction,
            held.retired_at, held.thing ->> 'retired_by', held.thing ->> 'stands_as', held.thing ->> 'readable_as',
            0, 0, held.thing -> 'definitions');
    execute format('delete from %s where id = %s', registry, held.id);
    execute format('select exists (select from %s)', registry) into left_over;
    if not left_over then
        execute format('drop table %s', registry);
    end if;
    perform set_config('search_path', path, true);
end
"""

FORGET = """
begin
    if to_regclass('{registry}') is null then
        return;
    end if;
    delete from {registry} where {which};
    if not exists (select from {registry}) then
        drop table {registry};
    end if;
end
"""

# Enum types that the revision has set aside, and that nothing of what is still set aside is of.
TYPES = """
declare
    one record; of_others name[] := '{{}}';
begin
    if to_regclass('retired.things') is not null then
        select coalesce(array_agg(stands_as), '{{}}') into of_others from retired.things where what = 'object';
    end if;
    for one in
        select typname from pg_type
         where typnamespace = to_regnamespace('retired')
           and typtype = 'e'
           and right(typname, length({revision}) + 1) = '_' || {revision}
           and typname <> all (of_others)
           and not exists (select from pg_depend where refclassid = 'pg_type'::regclass and deptype = 'n'
                              and refobjid in (pg_type.oid, typarray))
    loop
        execute format('drop type retired.%I', one.typname);
    end loop;
    if not exists (select from pg_depend where refclassid = 'pg_namespace'::regclass
                      and refobjid = to_regnamespace('retired')) then
        drop schema if exists retired;
    end if;
end
"""
