"""The queries of `privileges`: what other roles may do with the tables and with new objects."""

import sqlalchemy as sa

EVERYBODY = "public"
"""The name for PUBLIC; PostgreSQL lets no role have it."""
TABLES = """
select c.oid, c.relname::text as name, c.relowner
  from pg_class c
 where c.relnamespace = quote_ident(current_schema())::regnamespace
   and c.relkind in ('r', 'p')
   and c.relname <> all (:bookkeeping)
   and not exists (
           select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e'
       )
"""
# The migrating role is left out. The owner of a table, where that is another role, has its privileges as acldefault().
GRANTED = sa.text(f"""
with tables as ({TABLES})
select tables.oid, tables.name, coalesce(r.rolname::text, '{EVERYBODY}') as role, g.privilege_type as privilege,
       g.is_grantable as grantable
  from tables
  join pg_class c on c.oid = tables.oid
 cross join lateral aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as g
  left join pg_roles r on r.oid = g.grantee
 where g.grantee <> quote_ident(current_user)::regrole
   and (g.grantee = 0 or r.oid is not null)
""")  # noqa: S608  # constants of ours
# PostgreSQL applies the default privileges of the creating role, which are not the owner's where a superuser creates.
DEFAULTS = sa.text(f"""
select distinct coalesce(r.rolname::text, '{EVERYBODY}') as role, g.privilege_type as privilege,
       g.is_grantable as grantable
  from pg_default_acl d
 cross join lateral aclexplode(d.defaclacl) as g
  left join pg_roles r on r.oid = g.grantee
 where d.defaclobjtype = 'r'
   and d.defaclnamespace in (0, quote_ident(current_schema())::regnamespace)
   and d.defaclrole in (select relowner from ({TABLES}) as tables)
   and g.grantee <> quote_ident(current_user)::regrole
   and (g.grantee = 0 or r.oid is not null)
""")  # noqa: S608
EXISTING = sa.text("""
with space as (select oid from pg_namespace where nspname in (current_schema(), 'retired'))
select oid from pg_class where relnamespace in (select oid from space)
union all
select oid from pg_proc where pronamespace in (select oid from space)
union all
select oid from pg_type where typnamespace in (select oid from space)
""")
"""The oids of existing objects. Those in schema `retired` count, because restored objects keep their privileges."""
# A sequence of an identity column needs no privilege; one that a default calls by nextval() does.
OBJECTS = sa.text("""
select 'table' as kind, c.oid, format('%I', c.relname) as name, c.relkind in ('v', 'm') as view
  from pg_class c
 where c.relnamespace = quote_ident(current_schema())::regnamespace
   and c.relkind in ('r', 'p', 'v', 'm', 'f')
   and c.relname <> all (:bookkeeping)
union all
select 'sequence', c.oid, format('%I', c.relname), false
  from pg_class c
 where c.relnamespace = quote_ident(current_schema())::regnamespace
   and c.relkind = 'S'
   and not exists (
           select from pg_depend
            where classid = 'pg_class'::regclass and objid = c.oid and deptype in ('i', 'e')
       )
union all
select 'function', p.oid, p.oid::regprocedure::text, false
  from pg_proc p
 where p.pronamespace = quote_ident(current_schema())::regnamespace
   and p.prokind in ('f', 'w')
   and p.prorettype <> all ('{trigger,event_trigger}'::regtype[])
union all
select 'type', t.oid, format('%I', t.typname), false
  from pg_type t
 where t.typnamespace = quote_ident(current_schema())::regnamespace
   and t.typtype in ('e', 'd')
 order by 1, 3
""")
HAS_PRIVILEGE = {
    "function": sa.text("select has_function_privilege(:role, cast(:oid as oid), 'execute')"),
    "type": sa.text("select has_type_privilege(:role, cast(:oid as oid), 'usage')"),
}
SCRATCH = "scratch of ourschool"
"""The beginning of the comment on a scratch database."""
ROLE_EXISTS = sa.text("""
select to_regrole(quote_ident(:name)) is not null,
       coalesce(starts_with(shobj_description(oid, 'pg_database'), :scratch), false)
  from pg_database
 where datname = current_database()
""")
QUOTED_NAMES = sa.text("""
select quote_ident(name)
  from unnest(cast(:names as text[])) with ordinality as given (name, nth)
 order by nth
""")
SCHEMA_ACCESS = sa.text("""
select quote_ident(current_schema()),
       has_schema_privilege(:role, current_schema(), 'usage'),
       has_table_privilege(:role, to_regclass('alembic_version'), 'select')
""")
