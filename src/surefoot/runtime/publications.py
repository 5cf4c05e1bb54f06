"""Logical replication: which tables are published, and which changes of them a subscriber would not survive.

PostgreSQL replicates rows, not definitions: a subscriber stops for good at the first row of a table or column that it
lacks, or that breaks a rule which only it still has. A table whose replica identity is gone refuses every UPDATE.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from surefoot import database

READ = "surefoot publications"
"""Key in a connection's `info`: what `read` has found, for the operations of one run."""
ANY = "select exists (select from pg_publication)"
# `bound` are the columns in the list and in the filter of the publication, on which it depends.
PUBLISHED = """
  with labels as (
       select enumtypid as type, string_agg(enumlabel, ',' order by enumsortorder) as list
         from pg_enum
        group by enumtypid
       )
select p.pubname as publication,
       c.oid,
       c.relnamespace::regnamespace::text as schema,
       c.relname as name,
       current_schema() as here,
       r.oid is null as automatic,
       r.prattrs is not null as listed,
       p.pubupdate or p.pubdelete as identifies,
       array(select attname::text
               from pg_depend
               join pg_attribute on attrelid = refobjid and attnum = refobjsubid
              where classid = 'pg_publication_rel'::regclass and objid = r.oid and refobjid = c.oid) as bound,
       array(select x.relname::text from pg_index i join pg_class x on x.oid = i.indexrelid
              where i.indrelid = c.oid
                and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident end) as identity,
       not (p.pubupdate or p.pubdelete)
       or c.relreplident = 'f' and r.prattrs is null
       or exists (select from pg_index i
                   where i.indrelid = c.oid
                     and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident end
                     and (r.prattrs is null or i.indkey::int2[] <@ r.prattrs::int2[])
                     and (r.prattrs is not null
                          or not exists (select from pg_depend
                                          where classid = 'pg_publication_rel'::regclass and objid = r.oid
                                            and refobjid = c.oid and refobjsubid > 0
                                            and refobjsubid <> all (i.indkey::int2[])))) as changeable,
       array(select k.relnamespace::regnamespace || '.' || k.relname
               from pg_class k
              where k.oid in (select c.oid
                              union select relid from pg_partition_ancestors(c.oid)
                              union select relid from pg_partition_tree(c.oid))) as family,
       (select jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod) || coalesce(': ' || e.list, ''))
          from pg_attribute a
          left join labels e on e.type = a.atttypid
         where a.attrelid = c.oid and a.attnum > 0 and a.attname = any (t.attnames)) as columns,
       array(select a.attname || ' is not null' from pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and a.attnotnull and a.attname = any (t.attnames))
       || array(select pg_get_constraintdef(oid) from pg_constraint
                 where conrelid = c.oid and contype in ('c', 'u', 'p', 'x')
                   and not conname like any (array['ourschool\\_%', '\\_\\_%']))
       || array(select regexp_replace(pg_get_indexdef(i.indexrelid), ' INDEX .*? ON ', ' INDEX ON ') from pg_index i
                 where i.indrelid = c.oid and i.indisunique
                   and not exists (select from pg_constraint where conindid = i.indexrelid)) as rules,
       array(select conname::text from pg_constraint where conrelid = c.oid and contype in ('c', 'u', 'p', 'x'))
       || array(select x.relname::text from pg_index i join pg_class x on x.oid = i.indexrelid
                 where i.indrelid = c.oid and i.indisunique) as rule_names
  from pg_publication p
  join pg_publication_tables t on t.pubname = p.pubname
  join pg_class c on c.relname = t.tablename and c.relnamespace = (select oid from pg_namespace
                                                                     where nspname = t.schemaname)
  left join pg_publication_rel r on r.prpubid = p.oid and r.prrelid = c.oid
 order by 1, 3, 4
"""
SLOTS = """
select slot_name
  from pg_replication_slots
 where slot_type = 'logical'
   and plugin = 'pgoutput'
   and database = current_database()
 order by 1
"""
# What the migration itself writes is published as well: its journal and what it sets aside.
WHOLE = """
select pubname as name, case when puballtables then 'for all tables' else 'for tables in schema' end as what
  from pg_publication p
 where puballtables
    or exists (select from pg_publication_namespace
                where pnpubid = p.oid
                  and pnnspid in (quote_ident(current_schema())::regnamespace, to_regnamespace('retired')))
 order by 1
"""
SUBSCRIBED = """
select subname
  from pg_subscription
  join pg_subscription_rel on srsubid = pg_subscription.oid
 where subdbid = (select oid from pg_database where datname = current_database())
   and subenabled
   and srrelid = to_regclass(%s)
"""
_PREPARER = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier, quoted only if it has to be."""
    return str(_PREPARER.quote(name))


@dataclass(frozen=True)
class PublishedTable:
    """A table as one publication sends it."""

    publication: str
    oid: int
    schema: str
    name: str
    here: str
    """The schema that a name without one means."""
    automatic: bool
    """Whether the publication has it because it has all tables, or all of a schema, now and later."""
    listed: bool
    """Whether the publication has a list of its columns."""
    identifies: bool
    """Whether UPDATE or DELETE is published, so that the table needs a replica identity."""
    bound: tuple[str, ...]
    """The columns that the publication's list or row filter names."""
    identity: tuple[str, ...]
    """The index that is its replica identity, the primary key's or the chosen one."""
    changeable: bool
    """Whether PostgreSQL lets its rows be changed: updates are not published, or a replica identity tells each row."""
    family: tuple[str, ...]
    """The schema and name of itself and, of a partition or a partitioned table, those of its relatives."""
    columns: dict[str, str]
    """The columns that are sent, with their types."""
    rules: tuple[str, ...]
    """What its rows obey: NOT NULL, CHECK, UNIQUE. A subscriber may have the same rules."""
    rule_names: tuple[str, ...]
    """The names of the constraints and indexes behind them."""

    def is_named(self, table: str, schema: str | None = None) -> bool:
        """Return whether a change of `table` changes this one."""
        return f"{quoted(schema or self.here)}.{table}" in self.family

    @property
    def label(self) -> str:
        """The table as SQL names it."""
        return quoted(self.name) if self.schema == quoted(self.here) else f"{self.schema}.{quoted(self.name)}"


@dataclass(frozen=True)
class Publications:
    """What a database publishes, and the replication slots by which subscribers read it."""

    tables: tuple[PublishedTable, ...] = ()
    slots: tuple[str, ...] = ()
    whole: tuple[tuple[str, str], ...] = ()
    """The publications that also have tables which are yet to be created: name, and FOR ALL TABLES or the like."""

    def named(self, table: str | None, schema: str | None = None) -> list[PublishedTable]:
        """Return the published tables that a change of `table` concerns, once for each publication."""
        return [each for each in self.tables if table is not None and each.is_named(table, schema)]

    def watched(self, tables: Iterable[PublishedTable]) -> list[PublishedTable]:
        """Return those whose subscriber must not be lost: all, but of a publication of all tables without a slot."""
        return [each for each in tables if self.slots or not each.automatic]

    @cached_property
    def readers(self) -> str:
        """The slots in words."""
        if not self.slots:
            return "no replication slot of this database reads it now"
        return f"read through the replication slot {', '.join(self.slots)}"


def read(connection: Connection) -> Publications:
    """Return what the database of `connection` publishes."""
    if not connection.exec_driver_sql(ANY).scalar_one():
        return Publications()
    rows = database.execute_verbatim(connection, PUBLISHED).mappings()
    return Publications(
        tuple(PublishedTable(**{name: _frozen(value) for name, value in row.items()}) for row in rows),
        tuple(row.slot_name for row in connection.exec_driver_sql(SLOTS)),
        tuple((row.name, row.what) for row in connection.exec_driver_sql(WHOLE)),
    )


def of_run(connection: Connection) -> Publications:
    """Return what `read` found first in this run; `forget` begins another."""
    found = connection.info.get(READ)
    if not isinstance(found, Publications):
        found = connection.info[READ] = read(connection)
    return found


def remember(connection: Connection, found: Publications) -> None:
    """Let `of_run` return `found` from now on."""
    connection.info[READ] = found


def forget(connection: Connection) -> None:
    """Forget what `of_run` remembers."""
    connection.info.pop(READ, None)


def subscriptions_of(connection: Connection, table: str) -> list[str]:
    """Return the enabled subscriptions that write to `table`."""
    return [row.subname for row in connection.exec_driver_sql(SUBSCRIBED, (quoted(table),))]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
