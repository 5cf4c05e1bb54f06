"""The query of a schema's catalogue: one statement on pg_catalog, so that everything is read in one snapshot."""

from surefoot.catalogue import relation_queries

ENUMS = """
select
    t.typname as name,
    array(
        select l.enumlabel
        from pg_enum l
        where l.enumtypid = t.oid
        order by l.enumsortorder
    ) as labels,
    d.description as comment
from type t
left join pg_description d
    on d.objoid = t.oid
    and d.classoid = 'pg_type'::regclass
where t.typtype = 'e'
"""

DOMAINS = """
select
    t.typname as name,
    format_type(t.typbasetype, t.typtypmod) as type,
    case when t.typcollation <> b.typcollation then t.typcollation::regcollation::text end as collation,
    case when t.typnotnull then 'not null' else 'null' end as nullability,
    pg_get_expr(t.typdefaultbin, 0, true) as default,
    array(
        select quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid, true)
        from pg_constraint k
        where k.contypid = t.oid
        and k.contype = 'c'
        order by k.conname
    ) as checks,
    d.description as comment
from type t
join pg_type b on b.oid = t.typbasetype
left join pg_description d
    on d.objoid = t.oid
    and d.classoid = 'pg_type'::regclass
where t.typtype = 'd'
"""

SEQUENCES = """
select
    c.relname as name,
    format_type(s.seqtypid, null) as type,
    s.seqstart as start,
    s.seqincrement as increment,
    s.seqmin as minimum,
    s.seqmax as maximum,
    s.seqcache as cache,
    s.seqcycle as cycle,
    case c.relpersistence when 'u' then 'unlogged' else 'permanent' end as persistence,
    case when o.relname is not null then json_build_object('table', o.relname, 'column', a.attname) end as owner,
    d.description as comment
from space
join pg_class c on c.relnamespace = space.oid
join pg_sequence s on s.seqrelid = c.oid
left join pg_depend p
    on p.classid = 'pg_class'::regclass
    and p.objid = c.oid
    and p.refclassid = 'pg_class'::regclass
    and p.refobjsubid > 0
    and p.deptype in ('a', 'i')
left join pg_class o on o.oid = p.refobjid
left join pg_attribute a
    on a.attrelid = o.oid
    and a.attnum = p.refobjsubid
left join pg_description d
    on d.objoid = c.oid
    and d.classoid = 'pg_class'::regclass
where coalesce(o.relname <> all(cast(:ignore as name[])), true)
and coalesce(not starts_with(a.attname, '__retired_'), true)
and not exists (
    select from pg_depend m
    where m.classid = 'pg_class'::regclass
    and m.objid = c.oid
    and m.deptype = 'e'
)
"""

# The output of pg_get_functiondef() first names the schema of the function itself. It refuses aggregates.
FUNCTIONS = """
select
    quote_ident(f.proname) || '(' || oidvectortypes(f.proargtypes) || ')' as name,
    case f.prokind
        when 'p' then 'procedure'
        when 'a' then 'aggregate'
        when 'w' then 'window function'
        else 'function'
    end as kind,
    case
        when f.prokind <> 'a' then (
            select overlay(
                whole.text placing ''
                from strpos(whole.text, quote_ident(:schema) || '.')
                for length(quote_ident(:schema)) + 1
            )
            from pg_get_functiondef(f.oid) as whole (text)
        )
        else (
            select concat_ws(', ',
                'sfunc = ' || g.aggtransfn::regproc,
                'stype = ' || format_type(g.aggtranstype, null),
                'finalfunc = ' || nullif(g.aggfinalfn, 0)::regproc,
                'initcond = ' || quote_literal(g.agginitval)
            )
            from pg_aggregate g
            where g.aggfnoid = f.oid
        )
    end as definition,
    d.description as comment
from space
join pg_proc f on f.pronamespace = space.oid
left join pg_description d
    on d.objoid = f.oid
    and d.classoid = 'pg_proc'::regclass
where not exists (
    select from pg_depend m
    where m.classid = 'pg_proc'::regclass
    and m.objid = f.oid
    and m.deptype = 'e'
)
"""

GRANTS = """
with held as (
    select 'schema' as on, nspowner as owner, nspacl as acl
    from space
    union all
    select case c.relkind when 'S' then 'sequence ' else 'table ' end || quote_ident(c.relname), c.relowner, c.relacl
    from space
    join pg_class c on c.relnamespace = space.oid
    where c.relacl is not null
    and c.relname <> all(cast(:ignore as name[]))
    union all
    select 'column ' || quote_ident(c.relname) || '.' || quote_ident(a.attname), c.relowner, a.attacl
    from relation c
    join pg_attribute a
        on a.attrelid = c.oid
        and a.attacl is not null
        and not a.attisdropped
        and not starts_with(a.attname, '__retired_')
    union all
    select 'function ' || f.oid::regprocedure, f.proowner, f.proacl
    from space
    join pg_proc f on f.pronamespace = space.oid
    where f.proacl is not null
    union all
    select 'type ' || quote_ident(t.typname), t.typowner, t.typacl
    from type t
)
select
    held.on,
    case g.grantee when 0 then 'PUBLIC' else pg_get_userbyid(g.grantee) end as grantee,
    g.privilege_type as privilege,
    g.is_grantable as grantable
from held
cross join lateral aclexplode(held.acl) g
where g.grantee <> held.owner
"""

PARTS = {
    "relations": relation_queries.RELATIONS,
    "columns": relation_queries.COLUMNS,
    "constraints": relation_queries.CONSTRAINTS,
    "indexes": relation_queries.INDEXES,
    "triggers": relation_queries.TRIGGERS,
    "policies": relation_queries.POLICIES,
    "rules": relation_queries.RULES,
    "statistics": relation_queries.STATISTICS,
    "enums": ENUMS,
    "domains": DOMAINS,
    "sequences": SEQUENCES,
    "functions": FUNCTIONS,
    "grants": GRANTS,
}

# `space` is the schema; `relation` and `type` are the ones in it that no extension owns.
SCOPE = """
with space as materialized (
    select oid, nspowner, nspacl
    from pg_namespace
    where nspname = :schema
),
relation as materialized (
    select c.*
    from space
    join pg_class c on c.relnamespace = space.oid
    where c.relkind in ('r', 'p', 'f', 'v', 'm', 'c')
    and c.relname <> all(cast(:ignore as name[]))
    and not exists (
        select from pg_depend m
        where m.deptype = 'e'
        and (m.classid, m.objid) in (('pg_class'::regclass, c.oid), ('pg_type'::regclass, c.reltype))
    )
),
type as materialized (
    select t.*
    from space
    join pg_type t on t.typnamespace = space.oid
    where t.typtype in ('e', 'd')
    and not exists (
        select from pg_depend m
        where m.classid = 'pg_type'::regclass
        and m.objid = t.oid
        and m.deptype = 'e'
    )
)
"""

_LISTS = ", ".join(f"'{part}', (select json_agg(row) from ({query}) row)" for part, query in PARTS.items())  # noqa: S608
CATALOGUE = f"{SCOPE} select cast(json_build_object({_LISTS}) as text)"  # only the constants above
"""Returns one text: a JSON object with the keys of PARTS, each a list of rows or null. Parameters: schema, ignore."""
