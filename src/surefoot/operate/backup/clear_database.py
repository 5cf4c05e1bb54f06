"""Lists the objects of a database, and drops those of the role before a restore in place."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim

# Everything that can be dropped by itself: neither members of extensions nor internal parts of other objects.
OBJECTS = sa.text("""
    with owned (class, id, owner, other) as (
        select 'pg_class'::regclass, oid, relowner, relowner
          from pg_class
         where relkind in ('r', 'p', 'v', 'm', 'S', 'f')
        union all
        select 'pg_type'::regclass, oid, typowner, typowner from pg_type
        union all
        select 'pg_proc'::regclass, oid, proowner, proowner from pg_proc
        union all
        select 'pg_operator'::regclass, oid, oprowner, oprowner from pg_operator
        union all
        select 'pg_opclass'::regclass, oid, opcowner, opcowner from pg_opclass
        union all
        select 'pg_opfamily'::regclass, oid, opfowner, opfowner from pg_opfamily
        union all
        select 'pg_collation'::regclass, oid, collowner, collowner from pg_collation
        union all
        select 'pg_conversion'::regclass, oid, conowner, conowner from pg_conversion
        union all
        select 'pg_ts_config'::regclass, oid, cfgowner, cfgowner from pg_ts_config
        union all
        select 'pg_ts_dict'::regclass, oid, dictowner, dictowner from pg_ts_dict
        union all
        select 'pg_cast'::regclass, c.oid, source.typowner, target.typowner
          from pg_cast c
          join pg_type source on source.oid = castsource
          join pg_type target on target.oid = casttarget
        union all
        select 'pg_publication'::regclass, oid, pubowner, pubowner from pg_publication
        union all
        select 'pg_event_trigger'::regclass, oid, evtowner, evtowner from pg_event_trigger
        union all
        select 'pg_foreign_server'::regclass, oid, srvowner, srvowner from pg_foreign_server
        union all
        select 'pg_foreign_data_wrapper'::regclass, oid, fdwowner, fdwowner from pg_foreign_data_wrapper
        union all
        select 'pg_language'::regclass, oid, lanowner, lanowner from pg_language
        union all
        select 'pg_extension'::regclass, oid, extowner, extowner from pg_extension
        union all
        select 'pg_largeobject'::regclass, oid, lomowner, lomowner from pg_largeobject_metadata
        union all
        select 'pg_namespace'::regclass, oid, nspowner, nspowner from pg_namespace where nspname !~ '^pg_'
    )
    select it.type as kind,
           it.identity as name,
           pg_get_userbyid(owner) as owner,
           pg_has_role(current_user, owner, 'USAGE') or pg_has_role(current_user, other, 'USAGE') as mine
      from owned
     cross join pg_identify_object(class, id, 0) as it
     where id >= 16384
       and it.type is not null
       and not exists (
           select from pg_depend where classid = class and objid = id and deptype in ('e', 'i')
       )
     order by class = 'pg_namespace'::regclass, class, id
""")
DROP_KINDS = {
    "composite type": "type",
    "function": "routine",
    "procedure": "routine",
    "aggregate": "routine",
    "foreign-data wrapper": "foreign data wrapper",
}
"""The kinds whose name in DROP differs from the one of `pg_identify_object`."""


@dataclass(frozen=True)
class DatabaseObject:
    """An object of the database; kind and name are PostgreSQL's, the name is quoted."""

    kind: str
    name: str
    owner: str
    mine: bool
    """Whether the connected role has the rights of its owner."""

    @property
    def key(self) -> tuple[str, str]:
        """Return kind and name: what identifies it, whoever owns it."""
        return self.kind, self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of {self.owner}"


def list_objects(connection: Connection) -> list[DatabaseObject]:
    """Return all objects that can be dropped by themselves, schemas last."""
    return [DatabaseObject(**row) for row in connection.execute(OBJECTS).mappings()]


def clear(connection: Connection, objects: list[DatabaseObject]) -> None:
    """Drop the role's own objects, except extensions and schemas in which objects of others remain.

    Runs in the transaction of the caller. Raises DBAPIError.
    """
    statements = [statement for item in objects if item.mine for statement in _drop_statements(item)]
    if statements:
        execute_verbatim(connection, "; ".join(statements))
    for item in objects:
        if item.mine and item.kind == "schema":
            execute_verbatim(connection, sql.SQL(DROP_EMPTY).format(sql.Literal(item.name)))


DROP_EMPTY = """
do $$
begin
    execute 'drop schema if exists ' || {};
exception
    when dependent_objects_still_exist then
        null;
end
$$
"""


def clear_default_privileges(connection: Connection) -> None:
    """Take back what `alter default privileges` has set for roles of this one: what is created has PostgreSQL's own.

    A dump says nothing of the privileges of a table that has those, and its default privileges come after its tables.
    Runs in the transaction of the caller. Raises DBAPIError.
    """
    execute_verbatim(connection, DEFAULT_PRIVILEGES)


DEFAULT_PRIVILEGES = """
do $$
declare
    one record;
    role text;
begin
    for one in
        select defaclrole::regrole as creator, defaclacl, defaclobjtype as kind, defaclnamespace <> 0 as of_schema,
               format('alter default privileges for role %s %s', defaclrole::regrole,
                      (select format('in schema %I', nspname) from pg_namespace where oid = defaclnamespace)) as alter,
               case defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
                   when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end as kinds
          from pg_default_acl
         where pg_has_role(current_user, defaclrole, 'USAGE')
    loop
        for role in
            select distinct case grantee when 0 then 'public' else grantee::regrole::text end
              from aclexplode(one.defaclacl)
        loop
            execute format('%s revoke all on %s from %s', one.alter, one.kinds, role);
        end loop;
        if not one.of_schema then
            execute format('%s grant all on %s to %s', one.alter, one.kinds, one.creator);
            if one.kind in ('f', 'T') then
                execute format('%s grant all on %s to public', one.alter, one.kinds);
            end if;
        end if;
    end loop;
end
$$
"""


def _drop_statements(item: DatabaseObject) -> Iterator[str]:
    if item.kind == "large object":
        yield f"select lo_unlink({item.name})"
    elif item.kind not in {"extension", "schema"}:
        yield f"drop {DROP_KINDS.get(item.kind, item.kind)} if exists {item.name} cascade"
