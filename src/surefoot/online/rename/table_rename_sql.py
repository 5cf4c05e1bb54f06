"""The PL/pgSQL blocks by which a table gets a new name, with a view that has the old one. `--sql` prints the same.

Each is built of declarations and refusals, of which alone the check before the run is made, and of the change itself.
A block that finds its work done does nothing: the run was cut off behind it.
"""

from surefoot.catalogue.reader import KEPT_DEFINITIONS

PLACE = """
    home constant name := current_schema();
    old constant regclass := to_regclass(format('%I.%I', home, {old}::text));
    new constant regclass := to_regclass(format('%I.%I', home, {new}::text));
    old_kind "char";
    new_kind "char";
    kept text;
    target regclass;
    reason text;
begin
    select relkind, case relkind when 'v' then obj_description(oid, 'pg_class') end into old_kind, kept
      from pg_class where oid = old;
    select relkind into new_kind from pg_class where oid = new;
"""

# Continues PLACE: the table has its old name, and is to get the new one.
MAY_RENAME = """
    if new_kind = 'r' and kept = {comment} then
        return;
    end if;
    target := old;
    if target is null then
        raise exception using errcode = {wrong}, message = format('There is no table %I to rename.', {old}::text),
            hint = 'Correct the name in the revision; psql shows the tables with \\d. Nothing was changed.';
    end if;
    if new is not null or to_regtype(format('%I.%I', home, {new}::text)) is not null then
        raise exception using errcode = {refused},
            message = format('Table %I cannot be renamed: there is something called %I already.', {old}::text,
                             {new}::text),
            hint = 'Choose another name, or rename what has it in a revision before this one. Nothing was changed.';
    end if;
    {refuse_inheritance}
    select found.reason into reason from (
        select 1 as rank, 'it is no ordinary table, and only the name of such a one can be kept' as reason
         where old_kind <> 'r'
        union all
        select 2, format('%s names its row type, which the old name would not have',
                         pg_describe_object(classid, objid, objsubid))
          from pg_depend
         where refclassid = 'pg_type'::regclass
           and refobjid in (select unnest(array[pg_type.oid, typarray]) from pg_type where typrelid = target)
           and deptype = 'n'
           and not (classid = 'pg_class'::regclass and objid = target)
        union all
        select 3, format('subscription %s writes to it by its name; disable that while both names are alive', subname)
          from pg_subscription
          join pg_subscription_rel on srsubid = pg_subscription.oid
         where srrelid = target and subenabled
           and subdbid = (select oid from pg_database where datname = current_database())
        union all
        select 4, format('%s may read single columns of it, and a view with the caller''s rights asks for all',
                         case grantee when 0 then 'public' else grantee::regrole::text end)
          from pg_attribute
          join pg_class as whole on whole.oid = attrelid, aclexplode(attacl) as part
         where attrelid = target and privilege_type = 'SELECT' and grantee <> relowner
           and not exists (select from aclexplode(relacl) as entire
                            where entire.privilege_type = 'SELECT' and entire.grantee in (part.grantee, 0))
        union all
        select 5, format('its old name %I is still alive, which would name it no more; end that first', relname)
          from pg_class
         where relnamespace = (select relnamespace from pg_class where oid = target) and relkind = 'v'
           and starts_with(obj_description(oid, 'pg_class'), {comment_of_old})
    ) as found
    order by rank, found.reason
    limit 1;
    if reason is not null then
        raise exception using errcode = {refused},
            message = format('Table %I cannot be renamed: %s.', {old}::text, reason),
            hint = 'Change that in a revision before this one, or write op.rename_table and have the application '
                   'stopped meanwhile. Nothing was changed.';
    end if;
"""

# The columns that were set aside within the table are recorded with its name. The restore and the purge look by that.
RETIRED_COLUMNS = """
    declare
        list text;
    begin
        foreach list in array array['retired.things', format('%I.{definitions}', home)] loop
            if to_regclass(list) is not null and has_table_privilege(list, 'update') then
                execute format('update %s set table_name = $1 where what = ''column'' and schema_name = $2 '
                               'and table_name = $3', list) using {to_name}::text, home, {from_name}::text;
            end if;
        end loop;
    end;
""".replace("{definitions}", KEPT_DEFINITIONS)

RENAME = f"""
    execute format('alter table %I.%I rename to %I', home, {{old}}::text, {{new}}::text);
{RETIRED_COLUMNS.format(from_name="{old}", to_name="{new}")}
"""

# Continues PLACE: the table has its new name. What is called {old} has to be the view, or nothing.
VIEW_IS_OURS = """
    if new_kind is distinct from 'r' then
        raise exception using errcode = {wrong}, message = format('There is no table %I.', {new}::text),
            hint = 'Correct the name in the revision; psql shows the tables with \\d. Nothing was changed.';
    end if;
    target := new;
    {refuse_inheritance}
    if old is not null and kept is distinct from {comment} then
        raise exception using errcode = {refused},
            message = format('What is called %I is not the old name of table %I that revision %s has kept.',
                             {old}::text, {new}::text, {since}::text),
            hint = 'Correct the names and since= in the revision, or rename what is there. Nothing was changed.';
    end if;
"""
NOTHING_NEEDS_IT = """
    select pg_describe_object(classid, objid, 0) into reason
      from pg_depend
      left join pg_rewrite on classid = 'pg_rewrite'::regclass and pg_rewrite.oid = objid
     where (refclassid = 'pg_class'::regclass and refobjid = old
            or refclassid = 'pg_type'::regclass
               and refobjid in (select unnest(array[pg_type.oid, typarray]) from pg_type where typrelid = old))
       and deptype = 'n'
       and ev_class is distinct from old
     order by 1
     limit 1;
    if reason is not null then
        raise exception using errcode = {refused},
            message = format('The old name %I of table %I is still needed: by %s.', {old}::text, {new}::text,
                             regexp_replace(reason, '^rule "?_RETURN"? on ', '')),
            hint = 'Make that anew with the new name, in a revision before this one. Nothing was changed.';
    end if;
"""
DROP_VIEW = """
    if old is not null then
        execute format('drop view %I.%I', home, {old}::text);
    end if;
"""
RENAME_BACK = f"""
    execute format('alter table %I.%I rename to %I', home, {{new}}::text, {{old}}::text);
{RETIRED_COLUMNS.format(from_name="{new}", to_name="{old}")}
"""
RENAMED_BACK = """
    if new is null and old_kind = 'r' then
        return;
    end if;
"""
VIEW_IS_THERE = """
    if old is not null then
        return;
    end if;
"""

# The view has what the table lets a role do, and nothing that default privileges add: whoever uses it needs the
# privilege on both, and row security asks for who he is. What is set aside within the table is not the application's.
CREATE_VIEW = """
    declare
        aside constant text := format('%I.%I', home, {old}::text);
        columns constant text := (
            select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
             where attrelid = target and attnum > 0 and not attisdropped and attname !~ '^__(retired|changing)_');
        holder constant oid := (select relowner from pg_class where oid = target);
        one record;
    begin
        execute format('create view %s with (security_invoker = true) as select %s from %s', aside, columns, target);
        if holder <> current_user::regrole then
            execute format('alter view %s owner to %s', aside, holder::regrole);
        end if;
        for one in
            select distinct case grantee when 0 then 'public' else grantee::regrole::text end as name
              from pg_class, aclexplode(relacl) where oid = aside::regclass and grantee <> relowner
        loop
            execute format('revoke all on %s from %s', aside, one.name);
        end loop;
        for one in
            select privilege_type as privilege, grantee, is_grantable
              from pg_class, aclexplode(relacl) where oid = target
             union all
            select format('%s (%I)', privilege_type, attname), grantee, is_grantable
              from pg_attribute, aclexplode(attacl)
             where attrelid = target and attnum > 0 and not attisdropped and attname !~ '^__(retired|changing)_'
             order by 1, 2
        loop
            continue when one.grantee = holder;
            execute format('grant %s on %s to %s%s', one.privilege, aside,
                           case one.grantee when 0 then 'public' else one.grantee::regrole::text end,
                           case when one.is_grantable then ' with grant option' else '' end);
        end loop;
        execute format('comment on view %s is %L', aside, {comment});
    end;
"""
