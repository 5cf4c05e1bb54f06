"""How the copy stands between two revisions: where each table's rows are on disk, what was counted, how big it is."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.catalogue.reader import BOOKKEEPING
from surefoot.operate.rehearse.value_hashes import SCHEMA

# What is set aside in schema retired is nobody's any more.
RELATIONS = sa.text("""
    select c.oid::bigint as oid,
           case n.nspname when current_schema() then t.relname else format('%I.%I', n.nspname, t.relname) end as table,
           c.relkind in ('i', 'I') as index,
           case when c.relkind in ('r', 'm') then pg_relation_filenode(c.oid) end::bigint as filenode,
           greatest(c.reltuples, 0)::bigint as rows,
           pg_stat_get_tuples_inserted(c.oid) as inserted,
           pg_stat_get_tuples_updated(c.oid) as updated,
           pg_stat_get_tuples_deleted(c.oid) as deleted
      from pg_class c
      left join pg_index i on i.indexrelid = c.oid
      left join pg_depend d on d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
                           and d.refclassid = 'pg_class'::regclass and c.relkind = 'S'
      join pg_class t on t.oid = coalesce(i.indrelid, c.oid)
      join pg_namespace n on n.oid = c.relnamespace
     where n.nspname !~ '^pg_'
       and n.nspname not in ('information_schema', 'retired', :own)
       and t.relname <> all (:bookkeeping)
       and coalesce(d.refobjid::regclass::text, '') <> all (:bookkeeping)
       and c.relkind <> 'c'
""")
SIZE = sa.text(
    "select pg_database_size(current_database()), pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
)


@dataclass(frozen=True)
class Relation:
    """A table, view, sequence or index; an index under the name of its table."""

    table: str
    index: bool
    filenode: int | None
    rows: int
    inserted: int
    updated: int
    deleted: int


@dataclass(frozen=True)
class Snapshot:
    """The relations by oid, and bytes: of the database, and written to the server's log so far."""

    relations: Mapping[int, Relation]
    size: int
    wal: int


def stand(connection: Connection) -> Snapshot:
    """Look; `connection` is in AUTOCOMMIT, else counters would stand still."""
    found = connection.execute(RELATIONS, {"bookkeeping": list(BOOKKEEPING), "own": SCHEMA}).mappings()
    relations = {row["oid"]: Relation(**{name: row[name] for name in row if name != "oid"}) for row in found}
    size, wal = connection.execute(SIZE).one()
    return Snapshot(relations, size, wal)
