"""What a revision has made before it is done, noted in the transaction that makes it: its next run knows it by that.

A revision with online operations commits on the way. Cut off there, it finds its own table or column when it runs
again, and must not take it for a stranger's, nor a stranger's for its own: a name alone tells nobody whose it is.
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
"""In a connection's `info`: it has looked, and nothing was noted since; or the table of the notes is there."""
TABLE_EXISTS = sa.text(f"select 1 where to_regclass(format('%I.{TABLE}', current_schema())) is not null")
# It has no key, and where a publication has all tables nothing could be deleted from it.
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
# What this transaction has written into the catalogue, and tables that it has altered, which are of no harm here. A
# part with an EXCEPTION clause has a number of its own, asked for as long as numbers have not begun anew.
MINE = sa.text("""
    with top as materialized (
        select pg_current_xact_id_if_assigned()::text::bigint as id
    ),
    written (kind, relation, name, xmin) as (
        select 'relation', oid, relname, xmin
          from pg_class
         where relnamespace = current_schema()::regnamespace
           and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
         union all
        select 'column', pg_class.oid, attname, pg_attribute.xmin
          from pg_class
          join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
         where relnamespace = current_schema()::regnamespace
           and relkind in ('r', 'p', 'f')
         union all
        select 'type', null, typname, pg_type.xmin
          from pg_type
          left join pg_class on pg_class.oid = typrelid
         where typnamespace = current_schema()::regnamespace
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
NOTE = sa.text(f"""
    insert into {TABLE} (revision, direction, kind, relation, name)
    select :revision, :direction, kind, relation, name
      from unnest(cast(:kinds as text[]), cast(:relations as oid[]), cast(:names as text[])) as x (kind, relation, name)
""")  # noqa: S608  # a constant of ours
FORGET = sa.text(f"delete from {TABLE} where revision = :revision")  # noqa: S608  # as above
EMPTY = sa.text(f"select 1 where not exists (select from {TABLE})")  # noqa: S608  # as above
DROP = sa.text(f"drop table {TABLE}")
ALL = sa.text(f"""
    select revision, direction, kind, relation::oid::bigint as relation, name from {TABLE}
""")  # noqa: S608  # as above


@dataclass(frozen=True)
class CreatedObject:
    """One thing that a revision made and has not finished; `relation` is the oid of the table, or of a column's."""

    revision: str
    direction: str
    kind: str
    relation: int | None
    name: str


def read_created(connection: Connection) -> frozenset[CreatedObject]:
    """What unfinished revisions have made in this database; nothing where none is unfinished."""
    if connection.execute(TABLE_EXISTS).first() is None:
        return frozenset()
    return frozenset(CreatedObject(*row) for row in connection.execute(ALL))


def record_created(context: MigrationContext, step: RevisionStep) -> None:
    """Write down what the open transaction of `context` has made, to be committed with it.

    Call it only where that transaction has written something; see `CommittedParts.wrote`.
    """
    connection = context.connection
    assert connection is not None
    found = connection.execute(MINE, {"own": TABLE}).all()
    if found:
        if connection.info.get(TABLE) != NOTED:
            connection.execute(SET_UP)
        connection.execute(NOTE, {
            "revision": step.revision.revision, "direction": "upgrade" if step.is_upgrade else "downgrade",
            "kinds": [row.kind for row in found], "relations": [row.relation for row in found],
            "names": [row.name for row in found],
        })  # fmt: skip
        connection.info[TABLE] = NOTED


def forget_lookup(connection: Connection) -> None:
    """Know no longer, on this connection, that there are no notes: a new command begins, or one is written."""
    connection.info.pop(TABLE, None)


def delete_records(connection: Connection, revision: str) -> None:
    """The revision is done, as part of the transaction that says so: what it made is the application's now."""
    if connection.info.get(TABLE) == NONE:
        return  # a look for each revision would cost more than the rest
    if connection.info.get(TABLE) == NOTED or connection.execute(TABLE_EXISTS).first() is not None:
        connection.execute(FORGET, {"revision": revision})
        connection.info[TABLE] = NOTED
    else:
        connection.info[TABLE] = NONE


def drop_if_empty(connection: Connection) -> None:
    """Drop the notes once there are none; while somebody reads them, as a backup does, that is left to the next run."""
    if connection.execute(TABLE_EXISTS).first() is None or connection.execute(EMPTY).first() is None:
        return
    try:
        with connection.begin_nested():
            connection.execute(DROP)
    except sa.exc.DBAPIError as fault:
        if not is_lock_failure(fault):
            raise
        log.debug("The notes are read by somebody and stay: %s", fault.orig)
