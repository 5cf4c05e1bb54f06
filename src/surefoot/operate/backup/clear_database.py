"""What stands in a database, and whose it is: the role's own is taken away before a restore, the rest is left alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim

# Whatever can be dropped by itself. What an extension brought, and the inside of another thing, is not listed.
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
WORDS = {
    "composite type": "type",
    "function": "routine",
    "procedure": "routine",
    "aggregate": "routine",
    "foreign-data wrapper": "foreign data wrapper",
}
"""How a kind is called in `drop`, where that is not its own name."""


@dataclass(frozen=True)
class DatabaseObject:
    """A thing of the database: kind and name as PostgreSQL identifies it, quoted."""

    kind: str
    name: str
    owner: str
    mine: bool
    """Whether the connected role may do as it likes with it."""

    @property
    def key(self) -> tuple[str, str]:
        """What it is, whosever it is."""
        return self.kind, self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of {self.owner}"


def things(connection: Connection) -> list[DatabaseObject]:
    """Everything that can be dropped by itself, schemas last."""
    return [DatabaseObject(**row) for row in connection.execute(OBJECTS).mappings()]


def clear(connection: Connection, found: list[DatabaseObject]) -> None:
    """Take away what is the role's own; extensions stay, and a schema in which something of another's stays.

    In the transaction of the caller. Raises DBAPIError.
    """
    statements = [statement for each in found if each.mine for statement in _dropping(each)]
    if statements:
        execute_verbatim(connection, "; ".join(statements))
    for each in found:
        if each.mine and each.kind == "schema":
            execute_verbatim(connection, sql.SQL(DROP_EMPTY).format(sql.Literal(each.name)))


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


def _dropping(each: DatabaseObject) -> Iterator[str]:
    if each.kind == "large object":
        yield f"select lo_unlink({each.name})"
    elif each.kind not in {"extension", "schema"}:
        yield f"drop {WORDS.get(each.kind, each.kind)} if exists {each.name} cascade"
