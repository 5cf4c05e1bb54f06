"""Records in table `migration_made` the objects that a revision has created before it is done.

A revision with online operations commits in parts. When it runs again after it was cut off, it finds the table or
column that it created. The record, written in the transaction that creates the object, tells it from another object of
that name, which the name alone cannot.
"""

import logging
from dataclasses import dataclass

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy.engine import Connection

from surefoot.runtime.lock_retry import is_lock_failure

log = logging.getLogger("surefoot")

TABLE = "migration_made"
NONE, NOTED = "none", "noted"
"""Values in a connection's `info`: the table is known to be missing, or known to exist."""
TABLE_EXISTS = sa.text(f"select 1 where to_regclass(format('%I.{TABLE}', current_schema())) is not null")
# The table has no key: where a publication has all tables, a DELETE would fail without a replica identity.
SET_UP = sa.text(f"""
    create table if not exists {TABLE} (
        revision text not null,
        direction text not null,
        kind text not null,
        relation regclass,
        name text not null
    );
    alter table {TABLE} replica identity full
""")
# Rows of the catalogue that this transaction has written. They include tables that it only altered, which does no harm.
# A PL/pgSQL block with an EXCEPTION clause has a subtransaction id of its own; those are found until ids wrap around.
CREATED_HERE = sa.text("""
    with top as materialized (
        select pg_current_xact_id_if_assigned()::text::bigint as id
    ),
    written (kind, relation, name, xmin) as (
        select 'relation', oid, relname, xmin
          from pg_class
         where relnamespace = quote_ident(current_schema())::regnamespace
           and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
         union all
        select 'column', pg_class.oid, attname, pg_attribute.xmin
          from pg_class
          join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
         where relnamespace = quote_ident(current_schema())::regnamespace
           and relkind in ('r', 'p', 'f')
         union all
        select 'type', null, typname, pg_type.xmin
          from pg_type
          left join pg_class on pg_class.oid = typrelid
         where typnamespace = quote_ident(current_schema())::regnamespace
           and coalesce(relkind = 'c', true)
    )
    select kind, relation, name::text as name
      from top
      join written
        on case
               when xmin::text::bigint = top.id % 4294967296 then true
               when top.id < 4294967296 and xmin::text::bigint between top.id and top.id + 1000
               then pg_xact_status(xmin::text::xid8) = 'in progress'
               else false
           end
     where top.id is not null
       and name <> :own
""")
INSERT = sa.text(f"""
    insert into {TABLE} (revision, direction, kind, relation, name)
    select :revision, :direction, kind, relation, name
      from unnest(cast(:kinds as text[]), cast(:relations as oid[]), cast(:names as text[])) as x (kind, relation, name)
""")  # noqa: S608  # a constant of ours
DELETE = sa.text(f"delete from {TABLE} where revision = :revision")  # noqa: S608  # as above
EMPTY = sa.text(f"select 1 where not exists (select from {TABLE})")  # noqa: S608  # as above
DROP = sa.text(f"drop table {TABLE}")
ALL = sa.text(f"""
    select revision, direction, kind, relation::oid::bigint as relation, name from {TABLE}
""")  # noqa: S608  # as above


@dataclass(frozen=True)
class CreatedObject:
    """An object that an unfinished revision has created. `relation` is the oid of the table, or of a column's table."""

    revision: str
    direction: str
    kind: str
    relation: int | None
    name: str


def read_created(connection: Connection) -> frozenset[CreatedObject]:
    """Return the objects that unfinished revisions have created in this database."""
    if connection.execute(TABLE_EXISTS).first() is None:
        return frozenset()
    return frozenset(CreatedObject(*row) for row in connection.execute(ALL))


def record_created(context: MigrationContext, step: RevisionStep) -> None:
    """Record the objects that the open transaction of `context` has created, to be committed with it.

    Call it only where that transaction has written something; see `CommittedParts.wrote`.
    """
    connection = context.connection
    assert connection is not None
    rows = connection.execute(CREATED_HERE, {"own": TABLE}).all()
    if rows:
        if connection.info.get(TABLE) != NOTED:
            connection.execute(SET_UP)
        connection.execute(INSERT, {
            "revision": step.revision.revision, "direction": "upgrade" if step.is_upgrade else "downgrade",
            "kinds": [row.kind for row in rows], "relations": [row.relation for row in rows],
            "names": [row.name for row in rows],
        })  # fmt: skip
        connection.info[TABLE] = NOTED


def forget_lookup(connection: Connection) -> None:
    """Forget whether the table exists, which `delete_records` remembers on the connection: another may create it."""
    connection.info.pop(TABLE, None)


def delete_records(connection: Connection, revision: str) -> None:
    """Delete the records of a revision that is done, in the transaction that records it as done."""
    if connection.info.get(TABLE) == NONE:
        return  # a query for each revision would cost more than everything else
    if connection.info.get(TABLE) == NOTED or connection.execute(TABLE_EXISTS).first() is not None:
        connection.execute(DELETE, {"revision": revision})
        connection.info[TABLE] = NOTED
    else:
        connection.info[TABLE] = NONE


def drop_if_empty(connection: Connection) -> None:
    """Drop the table where it is empty. If another session reads it, as a backup does, the next run drops it."""
    if connection.execute(TABLE_EXISTS).first() is None or connection.execute(EMPTY).first() is None:
        return
    try:
        with connection.begin_nested():
            connection.execute(DROP)
    except sa.exc.DBAPIError as fault:
        if not is_lock_failure(fault):
            raise
        log.debug("The notes are read by somebody and stay: %s", fault.orig)
