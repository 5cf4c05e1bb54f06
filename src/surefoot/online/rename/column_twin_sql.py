"""The PL/pgSQL by which a column and the filled one beside it get their names, and triggers that keep the two equal.

`--sql` prints the same, with the filling before it and the indexes behind. Each trigger compares values as they are
stored: json has no equality, and 1.0 is not 1.00. It calls the function behind `*<>`, which pg_dump writes rightly.
"""

# Continues PLACE and what says which column is the `source`. The column beside it is called {beside} by now.
TAKE_NAMES = """
    declare
        type constant text := (select format_type(atttypid, atttypmod) from pg_attribute
                                where attrelid = target and attnum = source);
        value constant text := (select pg_get_expr(adbin, adrelid) from pg_attrdef
                                 where adrelid = target and adnum = source);
        holder constant oid := (select relowner from pg_class where oid = target);
        differ constant text := format('pg_catalog.record_image_ne(row(new.%I), row(new.%I))', {new}::text,
                                       {old}::text);
        given constant text := format('pg_catalog.record_image_ne(row(new.%I), row((%s)::%s))', {old}::text,
                                      coalesce(value, 'null'), type);
        changed constant text := format('pg_catalog.record_image_ne(row(new.%I), row(old.%I))', {new}::text,
                                        {new}::text);
        one record;
    begin
        if old is not null and old = source then
            execute format('alter table %s rename column %I to %I', target, {old}::text, {new}::text);
        end if;
        execute format('alter table %s rename column %I to %I', target, {beside}::text, {old}::text);
        execute format('comment on column %s.%I is %L', target, {old}::text, {comment});
        if value is not null then
            execute format('alter table %s alter column %I set default %s', target, {old}::text, value);
        end if;
        for one in
            select privilege_type as privilege, is_grantable,
                   case grantee when 0 then 'public' else grantee::regrole::text end as name
              from pg_attribute, aclexplode(attacl)
             where attrelid = target and attnum = source and grantee <> holder
             order by 1, 3
        loop
            execute format('grant %s (%I) on %s to %s%s', one.privilege, {old}::text, target, one.name,
                           case when one.is_grantable then ' with grant option' else '' end);
        end loop;
        if to_regproc(format('%I.%I', home, {function}::text)) is null then
            execute format('create function %I.%I() returns trigger language plpgsql '
                           'set search_path to pg_catalog, pg_temp as %L', home, {function}::text,
                           format({body}::text, {old}::text, {new}::text, quote_literal({new}::text)));
            if holder <> current_user::regrole then
                execute format('alter function %I.%I() owner to %s', home, {function}::text, holder::regrole);
            end if;
        end if;
        for one in
            select * from unnest({triggers}::text[], array['insert', 'insert', 'update', 'update'],
                                 array[differ || ' and ' || given, differ, differ || ' and ' || changed, differ],
                                 array['given', 'new', 'new', 'old']) as made (name, event, condition, argument)
        loop
            execute format('create trigger %I before %s on %s for each row when (%s) execute function %I.%I(%L)',
                           one.name, one.event, target, one.condition, home, {function}::text, one.argument);
            execute format('alter table %s enable always trigger %I', target, one.name);
        end loop;
    end;
"""

# The body of the triggers' function; %1$I is the old name, %2$I the new one, %3$s that as a literal. Its argument says
# whose value holds: that of the new name or of the old one. On INSERT the one that was given does, which is the new one
# unless it has what the column has by default: that is asked of the catalogue, as it may have changed since.
BODY = """
declare
    value text;
    type text;
    is_default boolean;
begin
    if tg_argv[0] = 'given' then
        select pg_get_expr(adbin, adrelid), format_type(atttypid, atttypmod) into value, type
          from pg_attribute
          left join pg_attrdef on adrelid = attrelid and adnum = attnum
         where attrelid = tg_relid and attname = %3$s;
        execute format('select record_image_eq(row($1), row((%%s)::%%s))', coalesce(value, 'null'), type)
           into is_default using new.%2$I;
        if is_default then
            new.%2$I := new.%1$I;
        end if;
    elsif tg_argv[0] = 'old' then
        new.%2$I := new.%1$I;
    else
        new.%1$I := new.%2$I;
    end if;
    return new;
end
"""

# For `--sql`: the column beside the other one, filled at once.
FILL = """
    declare
        type constant text := (
            select format_type(atttypid, atttypmod)
                   || case when attcollation <> typcollation
                           then ' collate ' || attcollation::regcollation::text else '' end
              from pg_attribute join pg_type on pg_type.oid = atttypid
             where attrelid = target and attnum = source);
        itself constant name := (select attname from pg_attribute where attrelid = target and attnum = source);
    begin
        execute format('lock table only %s in access exclusive mode', target);
        execute format('alter table %s add column %I %s', target, {beside}::text, type);
        execute format('update %s set %I = %I', target, {beside}::text, itself);
    end;
"""

# For `--sql`: the old name's own indexes. Only PostgreSQL knows where an expression means a column, so that it has to
# print the old name itself: the columns change their names for that moment. They are sorted as online, where the second
# column is called {beside} when they are made.
INDEXES = """
    declare
        path constant text := current_setting('search_path');
        qualified constant text := format('%I.%I', home, {table}::text);
        bodies constant text := $list$
            select array_agg(substr(pg_get_indexdef(indexrelid), length(format('CREATE %sINDEX %I ON %s USING ',
                                 case when indisunique then 'UNIQUE ' end, relname, indrelid::regclass)) + 1)
                             order by indexrelid)
              from pg_index
              join pg_class on pg_class.oid = indexrelid
             where indrelid = $1 and indisvalid
               and ($2 = any (indkey::smallint[])
                    or exists (select from pg_depend where classid = 'pg_class'::regclass and objid = indexrelid
                                  and refclassid = 'pg_class'::regclass and refobjid = $1 and refobjsubid = $2)) $list$;
        keys text[];
        made text[];
        one record;
    begin
        if old is null or new is null then
            return;
        end if;
        perform set_config('search_path', 'pg_catalog', true);
        execute format('alter table %s rename column %I to %I', qualified, {new}::text, {beside}::text);
        execute bodies into keys using target, new;
        execute format('alter table %s rename column %I to %I', qualified, {beside}::text, {new}::text);
        execute format('alter table %s rename column %I to %I', qualified, {old}::text, {beside}::text);
        execute format('alter table %s rename column %I to %I', qualified, {new}::text, {old}::text);
        execute bodies into made using target, new;
        execute format('alter table %s rename column %I to %I', qualified, {old}::text, {new}::text);
        execute format('alter table %s rename column %I to %I', qualified, {beside}::text, {old}::text);
        perform set_config('search_path', path, true);
        for one in
            select body, is_unique, concat({prefix}::text, row_number() over (order by place collate "C", is_unique),
                                           '_', {index_mark}::text, '_', {old}::text) as whole
              from (
                  select body, replace(replace(key, format('"%s"', replace({beside}, '"', '""')), '~'), {beside}, '~')
                               as place,
                         (select array_agg(indisunique and indimmediate order by indexrelid) from pg_index
                           where indrelid = target and indisvalid
                             and (new = any (indkey::smallint[])
                                  or exists (select from pg_depend
                                              where classid = 'pg_class'::regclass and objid = indexrelid
                                                and refclassid = 'pg_class'::regclass and refobjid = target
                                                and refobjsubid = new)))[nth] as is_unique
                    from unnest(made, keys) with ordinality as printed (body, key, nth)
              ) as sorted
        loop
            execute format('create %sindex if not exists %I on %s using ', case when one.is_unique then 'unique ' end,
                           case when octet_length(one.whole) <= 63 then one.whole
                                else left(one.whole, (select max(n) from generate_series(1, 54) as n
                                                       where octet_length(left(one.whole, n)) <= 54))
                                     || '_' || left(encode(sha256(convert_to(one.whole, 'UTF8')), 'hex'), 8) end,
                           qualified) || one.body;
        end loop;
    end;
"""
