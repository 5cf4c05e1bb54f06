"""The block that takes a column back: as `columns_back` does, but in one transaction, for SQL that psql runs."""

TELL = """
-- Column {column} of {table}: taken back where retired.things has it from the other direction of {revision}, in one
-- transaction, which stops everybody who uses the table. python -m alembic does it beside the users' work.
"""

# Definitions are written with the retired name, and with every name in full. A way back that was begun online and cut
# off (`coming_back`) has the name already, and is only finished.
TAKE_BACK = """
declare
    held record; hung jsonb; each jsonb; valid boolean; taken text;
begin
    if to_regclass('retired.things') is null then
        return;
    end if;
    select things.*, attrelid::regclass as home, atttypid, attnum into held
      from retired.things
      join pg_namespace on nspname = schema_name
      join pg_class on relnamespace = pg_namespace.oid and relname = table_name
      join pg_attribute on attrelid = pg_class.oid and attname = stands_as and attnum > 0 and not attisdropped
     where what = 'column'
       and table_name = {table}
       and column_name = {column}
       and revision = {revision}
       and direction = {direction}
     order by things.id desc
     limit 1;
    if found then
        hung := held.definitions;
        execute format('lock table only %s in access exclusive mode', held.home);
        if not held.coming_back then
{back}
        end if;
        for each in
            select constraints from jsonb_array_elements(hung -> 'constraints') as constraints
             where constraints ->> 'kind' in ('c', 'f') and (constraints ->> 'valid')::boolean
        loop
            execute format('alter table %s validate constraint %I', each ->> 'table', each ->> 'name');
        end loop;
        if (hung ->> 'not_null')::boolean then
            if (hung ->> 'not_null_valid')::boolean then
                execute format('alter table %s alter column %I set not null', held.home, {column});
                -- what a way back online goes through before 18
                execute format('alter table %s drop constraint if exists %I', held.home, {check}::text);
            elsif not (select attnotnull from pg_attribute where attrelid = held.home and attnum = held.attnum) then
                execute format('alter table %s add not null %I not valid', held.home, {column});
            end if;
        end if;
        delete from retired.things where id = held.id;
    end if;
    if not exists (select from retired.things) then
        drop table retired.things;
        if not exists (select from pg_depend where refclassid = 'pg_namespace'::regclass
                          and refobjid = 'retired'::regnamespace) then
            drop schema retired;
        end if;
    end if;
end
"""

BACK = """
            if exists (select from pg_attribute
                        where attrelid = held.home and attname = {column} and not attisdropped) then
                raise exception using errcode = {refused},
                    message = format('Column %I of table %I cannot be restored: there is a column of that name.',
                                     {column}, {table}),
                    hint = 'Retire that one first: op.retire_column. Nothing was changed.';
            end if;
            select format_type(moved.oid, null) into taken
              from pg_type as moved
             where held.atttypid in (moved.oid, moved.typarray) and typnamespace = 'retired'::regnamespace;
            if found then
                raise exception using errcode = {refused},
                    message = format('%I.%I cannot be restored: its type %s is still set aside.',
                                     {table}, {column}, taken),
                    hint = 'Take the type back first, with op.create_enum in the same revision. Nothing was changed.';
            end if;
            if hung ->> 'default' is not null then
                execute format('alter table %s alter column %I set default %s',
                               held.home, held.stands_as, hung ->> 'default');
                if (hung ->> 'not_null')::boolean then
                    -- what a deferred trigger has to do is done here: the table is altered next
                    set constraints all immediate;
                    execute format('update %s set %I = %s where %I is null',
                                   held.home, held.stands_as, hung ->> 'default', held.stands_as);
                end if;
            end if;
            for each in select jsonb_array_elements(hung -> 'indexes') loop
                select indisvalid into valid
                  from pg_index
                 where indexrelid = to_regclass(format('%I.%I', held.schema_name, each ->> 'name'))
                   and indrelid = held.home;
                if not valid then
                    execute format('drop index %I.%I', held.schema_name, each ->> 'name');
                end if;
                if valid is distinct from true then
                    execute each ->> 'definition';
                end if;
            end loop;
            for each in
                select constraints
                  from jsonb_array_elements(hung -> 'constraints') with ordinality as x (constraints, nth)
                 order by constraints ->> 'kind' = 'f', nth
            loop
                execute format('alter table %s add constraint %I %s', each ->> 'table', each ->> 'name',
                    case each ->> 'kind' when 'u' then
                        format('unique using index %I', each ->> 'name')
                            || case when (each ->> 'deferrable')::boolean then ' deferrable' else '' end
                            || case when (each ->> 'deferred')::boolean then ' initially deferred' else '' end
                    else each ->> 'definition' end);
                if each ->> 'comment' is not null then
                    execute format('comment on constraint %I on %s is %L',
                                   each ->> 'name', each ->> 'table', each ->> 'comment');
                end if;
            end loop;
            for each in select jsonb_array_elements(hung -> 'indexes') loop
                if each ->> 'comment' is not null then
                    execute format('comment on index %I.%I is %L',
                                   held.schema_name, each ->> 'name', each ->> 'comment');
                end if;
            end loop;
            for each in select jsonb_array_elements(hung -> 'triggers') loop
                execute each ->> 'definition';
                execute format('alter table %s %s trigger %I', held.home,
                    case each ->> 'enabled' when 'D' then 'disable' when 'R' then 'enable replica'
                        when 'A' then 'enable always' else 'enable' end, each ->> 'name');
                if each ->> 'comment' is not null then
                    execute format('comment on trigger %I on %s is %L', each ->> 'name', held.home, each ->> 'comment');
                end if;
            end loop;
            execute format('drop view if exists retired.%I', held.readable_as);
            execute format('alter table %s rename column %I to %I', held.home, held.stands_as, {column});
            for each in select jsonb_array_elements(hung -> 'sequences') loop
                execute format('alter sequence %I.%I rename to %I',
                               held.schema_name, each ->> 'stands_as', each ->> 'name');
            end loop;
"""
