"""The PL/pgSQL blocks about the two names of a column: what is there, and how the second one goes.

Each is built of declarations and refusals, of which alone the check before the run is made, and of the work. A block
that finds its work done does nothing: the run was cut off behind it.
"""

PLACE = """
    home constant name := current_schema();
    target constant regclass := to_regclass(format('%I.%I', home, {table}::text));
    old smallint;
    new smallint;
    kept text;
    source smallint;
    what text;
    reason text;
    instead text;
    hint text := 'Change that in a revision before this one, or write op.alter_column with new_column_name and have '
                 'the application stopped meanwhile. Nothing was changed.';
begin
    if target is null then
        raise exception using errcode = {wrong}, message = format('There is no table %I.', {table}::text),
            hint = 'Correct the name in the revision; psql shows the tables with \\d. Nothing was changed.';
    end if;
    {refuse_inheritance}
    select attnum, col_description(target, attnum) into old, kept
      from pg_attribute where attrelid = target and attname = {old} and not attisdropped;
    select attnum into new from pg_attribute where attrelid = target and attname = {new} and not attisdropped;
"""

# Continues PLACE: the column has its old name, and is to get the new one.
TO_RENAME = """
    if new is not null and kept = {comment} then
        return;
    end if;
    if old is null then
        raise exception using errcode = {wrong},
            message = format('Table %I has no column %I to rename.', {table}::text, {old}::text),
            hint = 'Correct the name in the revision; psql shows the columns with \\d. Nothing was changed.';
    end if;
    source := old;
    what := format('Column %I.%I cannot be renamed', {table}::text, {old}::text);
    if new is not null then
        raise exception using errcode = {refused},
            message = format('%s: there is a column %I already.', what, {new}::text),
            hint = 'Choose another name, or rename what has it in a revision before this one. Nothing was changed.';
    end if;
"""

# Continues PLACE: the column has its new name. What is called {old} has to be its old name, or nothing.
IS_OURS = """
    if new is null then
        raise exception using errcode = {wrong},
            message = format('Table %I has no column %I.', {table}::text, {new}::text),
            hint = 'Correct the name in the revision; psql shows the columns with \\d. Nothing was changed.';
    end if;
    if old is not null and kept is distinct from {comment} then
        raise exception using errcode = {refused},
            message = format('Column %I of table %I is not the old name of column %I that revision %s has kept.',
                             {old}::text, {table}::text, {new}::text, {since}::text),
            hint = 'Correct the names and since= in the revision, or rename what is there. Nothing was changed.';
    end if;
"""
TO_RESUME = """
    if old is not null then
        return;
    end if;
    source := new;
    what := format('The old name %I of column %I.%I cannot come back', {old}::text, {table}::text, {new}::text);
"""
RENAMED_BACK = """
    if new is null and old is not null and kept is distinct from {comment} then
        return;
    end if;
"""

NOTHING_NEEDS_IT = r"""
    select pg_describe_object(classid, objid, 0),
           case when names is null then 'Make that anew with the new name, in a revision before this one.'
                else format('End that in a revision before this one: op.end_table_rename(%L, %L, since=%L).',
                            relname, names[1], names[2]) end
      into reason, hint
      from pg_depend
      left join pg_rewrite on classid = 'pg_rewrite'::regclass and pg_rewrite.oid = objid
      left join pg_class on pg_class.oid = coalesce(ev_class, case classid when 'pg_class'::regclass then objid end)
      left join lateral regexp_match(obj_description(ev_class, 'pg_class'),
                                     '^Old name of table (.+), kept since revision (\S+)$') as found (names) on true
     where refclassid = 'pg_class'::regclass
       and refobjid = target
       and refobjsubid = old
       and not exists (select from pg_attrdef where classid = 'pg_attrdef'::regclass and pg_attrdef.oid = objid
                          and adrelid = target and adnum = old)
       and not (classid = 'pg_class'::regclass and starts_with(relname, {prefix}))
       and not exists (select from pg_trigger where classid = 'pg_trigger'::regclass and pg_trigger.oid = objid
                          and starts_with(tgname, {trigger_prefix}))
     order by 1
     limit 1;
    if reason is not null then
        raise exception using errcode = {refused},
            message = format('The old name %I of column %I.%I is still needed: by %s.', {old}::text, {table}::text,
                             {new}::text, regexp_replace(reason, '^rule "?_RETURN"? on ', '')),
            hint = format('%s Nothing was changed.', hint);
    end if;
"""
DROP = """
    declare
        function regprocedure;
        one record;
    begin
        execute format('lock table only %s in access exclusive mode', target);
        for one in select tgname, tgfoid from pg_trigger where tgrelid = target and tgname = any ({triggers}) loop
            execute format('drop trigger %I on %s', one.tgname, target);
            function := one.tgfoid;
        end loop;
        if old is not null then
            execute format('alter table %s drop column %I', target, {old}::text);
        end if;
        if function is not null and not exists (select from pg_trigger where tgfoid = function) then
            execute format('drop function %s', function);
        end if;
    end;
"""
RENAME_BACK = """
    execute format('alter table %s rename column %I to %I', target, {new}::text, {old}::text);
"""
