"""Measures the copy between two revisions: the files and row statistics of its relations, its size and its WAL."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.catalogue.reader import BOOKKEEPING
from surefoot.operate.rehearse.value_hashes import SCHEMA

# Retired relations are left out: nobody waits for them.
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
class RelationStats:
    """A table, view, sequence or index; `table` is its name, of an index that of its table."""

    table: str
    index: bool
    filenode: int | None
    """The file of its rows; it changes when the table is rewritten."""
    rows: int
    inserted: int
    updated: int
    deleted: int


@dataclass(frozen=True)
class Snapshot:
    """The relations by OID, the size of the database in bytes, and the WAL written so far in bytes."""

    relations: Mapping[int, RelationStats]
    size: int
    wal: int


def snapshot(connection: Connection) -> Snapshot:
    """Measure the database. `connection` is in AUTOCOMMIT, because statistics do not change within a transaction."""
    rows = connection.execute(RELATIONS, {"bookkeeping": list(BOOKKEEPING), "own": SCHEMA}).mappings()
    relations = {row["oid"]: RelationStats(**{name: row[name] for name in row if name != "oid"}) for row in rows}
    size, wal = connection.execute(SIZE).one()
    return Snapshot(relations, size, wal)
