"""The catalogue queries about relations and their parts. Output columns are the fields of the dataclasses.

Every query reads `relation`, the rows of pg_class that `catalogue_queries.SCOPE` selects. Definitions are printed in
PostgreSQL's pretty form: it omits the schema of what search_path finds, and parentheses that a dump and restore move.
"""

# `verbose` marks views of one relation on PostgreSQL 15. It keeps OLD and NEW in the range table of a view, takes the
# view for a join and therefore qualifies each column.
RELATIONS = """
select
    c.relname as name,
    case c.relkind
        when 'r' then 'table'
        when 'p' then 'partitioned table'
        when 'f' then 'foreign table'
        when 'v' then 'view'
        when 'm' then 'materialized view'
        else 'composite type'
    end as kind,
    case c.relpersistence when 'u' then 'unlogged' else 'permanent' end as persistence,
    case
        when c.relrowsecurity and c.relforcerowsecurity then 'forced'
        when c.relrowsecurity then 'on'
        when c.relforcerowsecurity then 'off, though forced'
        else 'off'
    end as row_security,
    case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as partition_key,
    pg_get_expr(c.relpartbound, c.oid, true) as partition_bound,
    array(
        select i.inhparent::regclass::text
        from pg_inherits i
        where i.inhrelid = c.oid
        order by i.inhseqno
    ) as inherits,
    array(
        select option
        from unnest(c.reloptions) option
        order by option collate "C"
    ) as options,
    case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid, true) end as definition,
    current_setting('server_version_num')::int < 160000 and exists (
        select from pg_rewrite r
        where r.ev_class = c.oid
        and r.rulename = '_RETURN'
        and regexp_count(r.ev_action::text, '[{]RANGETBLENTRY ') = 3
    ) as verbose,
    case when c.relkind in ('r', 'p') then
        case c.relreplident
            when 'd' then 'default'
            when 'n' then 'nothing'
            when 'f' then 'full'
            else coalesce((
                select 'index ' || quote_ident(x.relname)
                from pg_index i
                join pg_class x on x.oid = i.indexrelid
                where i.indrelid = c.oid
                and i.indisreplident
            ), 'nothing')
        end
        else 'default'
    end as replica_identity,
    d.description as comment
from relation c
left join pg_description d
    on d.objoid = case c.relkind when 'c' then c.reltype else c.oid end
    and d.classoid = case c.relkind when 'c' then 'pg_type'::regclass else 'pg_class'::regclass end
    and d.objsubid = 0
"""

# Retired columns are left out: `reader.RETIRED_PREFIX`.
COLUMNS = """
select
    c.relname as relation,
    a.attname as name,
    format_type(a.atttypid, a.atttypmod) as type,
    case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end as collation,
    case
        when not a.attnotnull then 'null'
        when n.oid is null then 'not null'
        else 'not null, not valid'
    end as nullability,
    case when a.attgenerated = '' then e.text end as default,
    case a.attidentity when 'a' then 'always' when 'd' then 'by default' end as identity,
    case a.attgenerated when 's' then e.text || ' stored' when 'v' then e.text || ' virtual' end as generated,
    d.description as comment
from relation c
join pg_attribute a
    on a.attrelid = c.oid
    and a.attnum > 0
    and not a.attisdropped
    and not starts_with(a.attname, '__retired_')
join pg_type t on t.oid = a.atttypid
left join (
    select adrelid, adnum, pg_get_expr(adbin, adrelid, true) as text
    from pg_attrdef
) e
    on e.adrelid = c.oid
    and e.adnum = a.attnum
left join pg_constraint n
    on n.conrelid = c.oid
    and n.contype = 'n'
    and n.conkey[1] = a.attnum
    and not n.convalidated
left join pg_description d
    on d.objoid = c.oid
    and d.classoid = 'pg_class'::regclass
    and d.objsubid = a.attnum
"""

# The clones of a foreign key that reference single partitions are left out: PostgreSQL creates and names them itself.
CONSTRAINTS = """
select
    c.relname as relation,
    k.conname as name,
    k.contype as kind,
    pg_get_constraintdef(k.oid, true) as definition,
    k.convalidated as valid,
    d.description as comment
from relation c
join pg_constraint k
    on k.conrelid = c.oid
    and k.contype in ('p', 'u', 'f', 'c', 'x')
    and not (k.contype = 'f' and k.conparentid <> 0)
left join pg_description d
    on d.objoid = k.oid
    and d.classoid = 'pg_constraint'::regclass
"""

INDEXES = """
select
    c.relname as relation,
    x.relname as name,
    pg_get_indexdef(x.oid, 0, true) as definition,
    i.indisvalid and i.indisready as valid,
    k.conname as constraint,
    d.description as comment
from relation c
join pg_index i on i.indrelid = c.oid
join pg_class x on x.oid = i.indexrelid
left join pg_constraint k
    on k.conindid = x.oid
    and k.conrelid = c.oid
    and k.contype in ('p', 'u', 'x')
left join pg_description d
    on d.objoid = x.oid
    and d.classoid = 'pg_class'::regclass
"""

TRIGGERS = """
select
    c.relname as relation,
    t.tgname as name,
    pg_get_triggerdef(t.oid, true) as definition,
    case t.tgenabled
        when 'O' then 'on'
        when 'D' then 'off'
        when 'R' then 'on replicas only'
        else 'always'
    end as enabled,
    d.description as comment
from relation c
join pg_trigger t
    on t.tgrelid = c.oid
    and not t.tgisinternal
left join pg_description d
    on d.objoid = t.oid
    and d.classoid = 'pg_trigger'::regclass
"""

POLICIES = """
select
    c.relname as relation,
    p.polname as name,
    concat_ws(' ',
        case when p.polpermissive then 'PERMISSIVE' else 'RESTRICTIVE' end,
        case p.polcmd
            when 'r' then 'FOR SELECT'
            when 'a' then 'FOR INSERT'
            when 'w' then 'FOR UPDATE'
            when 'd' then 'FOR DELETE'
            else 'FOR ALL'
        end,
        'TO ' || (
            select string_agg(role.name, ', ' order by role.name collate "C")
            from unnest(p.polroles) as member (oid)
            cross join lateral (
                select case member.oid when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(member.oid)) end
            ) as role (name)
        ),
        'USING (' || pg_get_expr(p.polqual, p.polrelid, true) || ')',
        'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid, true) || ')'
    ) as definition,
    d.description as comment
from relation c
join pg_policy p on p.polrelid = c.oid
left join pg_description d
    on d.objoid = p.oid
    and d.classoid = 'pg_policy'::regclass
"""

# The rule that makes a view is its query.
RULES = """
select
    c.relname as relation,
    r.rulename as name,
    regexp_replace(pg_get_ruledef(r.oid, true), ';\\s*$', '') as definition,
    case r.ev_enabled
        when 'O' then 'on'
        when 'D' then 'off'
        when 'R' then 'on replicas only'
        else 'always'
    end as enabled,
    d.description as comment
from relation c
join pg_rewrite r
    on r.ev_class = c.oid
    and r.rulename <> '_RETURN'
left join pg_description d
    on d.objoid = r.oid
    and d.classoid = 'pg_rewrite'::regclass
"""

# The output of pg_get_statisticsobjdef() names the schema of the statistics themselves, and has the columns in the
# order of their positions, in which equal databases may differ.
STATISTICS = """
select
    c.relname as relation,
    s.stxname as name,
    regexp_replace(
        left(whole.text, strpos(whole.text, ' ON ' || whole.columns || ' FROM ') - 1),
        '^CREATE STATISTICS .*?(?=( [(][a-z, ]+[)])?$)',
        'CREATE STATISTICS ' || quote_ident(s.stxname)
    ) || ' ON ' || array_to_string(
        array(
            select quote_ident(a.attname)
            from pg_attribute a
            where a.attrelid = c.oid
            and a.attnum = any (s.stxkeys::smallint[])
            order by a.attname collate "C"
        ) || case when s.stxexprs is not null then
            array(select '(' || e || ')' from unnest(pg_get_statisticsobjdef_expressions(s.oid)) e)
        end,
        ', '
    ) || ' FROM ' || c.oid::regclass as definition,
    d.description as comment
from relation c
join pg_statistic_ext s on s.stxrelid = c.oid
cross join lateral (
    select pg_get_statisticsobjdef(s.oid), pg_get_statisticsobjdef_columns(s.oid)
) as whole (text, columns)
left join pg_description d
    on d.objoid = s.oid
    and d.classoid = 'pg_statistic_ext'::regclass
"""
