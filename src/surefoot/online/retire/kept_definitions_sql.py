"""The blocks that drop a retired item without rows and keep its definition, and that recreate it from that.

They are executed online, and `--sql` prints the same blocks. A definition is a JSON array of statements. Each is
`before`, followed by the table's name and `after` where it names the table. A statement that names roles has
`about_roles`: where a role is missing, it raises a warning instead of an error.
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

# Drops the registry and the schema where they are empty.
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

# {which} is the condition for the items; {empty} is whether only those without rows are dropped.
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

RECREATE = """
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

DELETE_DEFINITION = """
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

# Drops the enum types that the revision has retired and that no retired column has. Of a long name the revision is cut
# off: {names_cut} adds those.
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
           and (right(typname, length({revision}) + 1) = '_' || {revision} {names_cut})
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
