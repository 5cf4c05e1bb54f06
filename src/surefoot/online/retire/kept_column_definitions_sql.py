"""The part of the block that writes the definition of a column; a table's definition uses its parts for each column."""

# The type of the attribute {row} as SQL. A type that was retired after the column is written with its former name,
# which it has again before the column is restored. Where else a definition names such a type, create_enum writes that.
TYPE = """
        type := format_type({row}.atttypid, {row}.atttypmod);
        select * into many from pg_type where {row}.atttypid in (oid, typarray)
           and typnamespace = 'retired'::regnamespace;
        if found and right(many.typname, length(held.revision) + 1) = '_' || held.revision then
            type := replace(type, format('retired.%I', many.typname), format('%I.%I', held.schema_name,
                                                             left(many.typname, -1 - length(held.revision))));
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

# The attributes of the column {row} of `home`: storage, compression, statistics, options, comment, privileges.
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

# The sequences of `home` for which `{column}` is true, each with its position. An identity creates its own.
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

# The definition of a column. An identity column is recreated with its identity, which numbers the existing rows.
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
        relations := '{{}}';
{sequences}
        statements := statements || (
            select coalesce(jsonb_agg(jsonb_build_object('about_roles', true,
                       'before', format('grant %s on sequence %s to %s%s', privilege_type, owned.oid::regclass,
                                       case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
                                       case when is_grantable then ' with grant option' else '' end))
                       order by owned.oid, grantee, privilege_type), '[]')
              from pg_class owned cross join aclexplode(relacl)
             where owned.oid = any (relations) and grantee <> relowner);
{traits}
    end if;
"""
DROP_COLUMN = """
    execute format('drop view if exists retired.%I', held.readable_as);
    execute format('alter table %s drop column if exists %I', home, held.stands_as);
"""
