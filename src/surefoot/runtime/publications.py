"""Logical replication: which tables are published, and which changes of them a subscriber would not survive.

PostgreSQL replicates rows, not definitions: a subscriber stops for good at the first row of a table or column that it
lacks, or that breaks a rule which only it still has. A table whose replica identity is gone refuses every UPDATE.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from surefoot import database
from surefoot.errors import RefusedError
from surefoot.program import variable

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
                where pnpubid = p.oid and pnnspid in (current_schema()::regnamespace, to_regnamespace('retired')))
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
UNCHANGED = "Nothing was changed."
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


def notices(connection: Connection) -> list[tuple[str, str]]:
    """Return what an operator should know of each publication before an upgrade, as sentence and remedy."""
    found = read(connection)
    names = [name for name, _ in found.whole]
    said = [
        (
            f"publication {quoted(name)} is {what}, {found.readers}: a subscriber stops at the first row of a table or "
            "column that an upgrade makes here and that it lacks, the tables of the migrations themselves included",
            whole_remedy(),
        )
        for name, what in found.whole
    ]
    for publication in dict.fromkeys(each.publication for each in found.tables if each.publication not in names):
        tables = ", ".join(each.label for each in found.tables if each.publication == publication)
        said.append((
            f"publication {quoted(publication)} sends {tables}, {found.readers}: a revision that changes what is sent "
            "is refused before it changes anything",
            "Change the subscriber first, or take the table out of the publication while it changes.",
        ))  # fmt: skip
    return said


def whole_remedy() -> str:
    """Return the way out where a publication has all tables, those that are yet to be made included."""
    return (
        "Give the subscriber the same change first (the same upgrade runs there, while its subscription is disabled), "
        "enable it, and after the upgrade here: alter subscription ... refresh publication. Where the subscriber has "
        f"the change, or takes it by itself, say so with {variable('SUBSCRIBERS_CHANGED')}=yes."
    )


def refuse_run(connection: Connection, *, acknowledged: bool) -> None:
    """Refuse a run in a database that publishes all its tables to somebody: already the journal's row would stop them.

    `acknowledged` is what the operator says with SUBSCRIBERS_CHANGED. Raises RefusedError.
    """
    if acknowledged:
        return
    found = read(connection)
    if found.whole and found.slots:
        name, what = found.whole[0]
        raise RefusedError(
            f"Publication {quoted(name)} is {what}, {found.readers}: a subscriber stops for good at the first row of a "
            f"table or column that a revision makes and that it lacks, the migrations' own tables too. {UNCHANGED}",
            whole_remedy(),
        )


def refuse_changed(before: Publications, after: Publications, *, acknowledged: bool) -> None:
    """Refuse what the open transaction has made of the published tables, where a subscriber would not survive it."""
    stands = {(each.publication, each.oid): each for each in after.tables}
    for was in before.tables:
        now = stands.get((was.publication, was.oid))
        if now is None or "retired" in {was.schema, now.schema}:
            continue  # no row of it is written any more, or none was
        if was.changeable and not now.changeable:
            raise lost_identity(
                was, f"Index {', '.join(map(quoted, was.identity))}" if was.identity else "The whole row"
            )
        if acknowledged or not before.watched([was]):
            continue
        raise_for([was], _change(was, now))
    whole = {name for name, _ in after.whole}
    known = {(each.publication, each.oid) for each in before.tables}
    for each in after.tables:
        is_partition = each.automatic and each.publication not in whole and len(each.family) > 1
        if is_partition and not acknowledged and (each.publication, each.oid) not in known:
            raise_for([each], "makes it a partition, whose rows are published")


def _change(was: PublishedTable, now: PublishedTable) -> str | None:
    if (was.schema, was.name) != (now.schema, now.name):
        return f"renames it to {now.label}"
    for column, type_ in was.columns.items():
        if column not in now.columns:
            return f"takes column {quoted(column)} from it"
        if now.columns[column] != type_:
            return f"makes column {quoted(column)} {now.columns[column]} that was {type_}"
    for column in now.columns:
        if column not in was.columns:
            return f"adds column {quoted(column)} to it"
    lost = [rule for rule in was.rules if rule not in now.rules]
    return f"ends a rule of its rows ({lost[0]})" if lost else None


def raise_for(tables: Sequence[PublishedTable], change: str | None, who: str = "this revision") -> None:
    """Raise RefusedError for a `change`, such as "adds column x to it", of the first of these tables."""
    if not tables or not change:
        return
    table = tables[0]
    if table.automatic:
        remedy = whole_remedy()
    else:
        publication = quoted(table.publication)
        remedy = (
            f"Take the table out while it changes: alter publication {publication} drop table {table.label}; after the "
            "upgrade change the subscriber's table likewise and empty it there, then alter publication "
            f"{publication} add table {table.label}, and on the subscriber alter subscription ... refresh publication. "
            "Where the subscriber has the change already, or takes it by itself, say so with "
            f"{variable('SUBSCRIBERS_CHANGED')}=yes."
        )
    raise RefusedError(
        f"Table {table.label} is published by {quoted(table.publication)}, and {who} {change}: a subscriber "
        f"whose table is not changed likewise stops for good at the first row that differs. {UNCHANGED}",
        remedy,
    )


def bound_column(table: PublishedTable, column: str) -> RefusedError:
    """Return the error for a change of a column that the list or the row filter of a publication names."""
    kept = ", ".join(quoted(each) for each in table.columns if each != column)
    publication = quoted(table.publication)
    where = "the column list or the row filter" if table.listed else "the row filter"
    return RefusedError(
        f"Column {table.label}.{quoted(column)} is in {where} of publication {publication}: the subscriber would stop "
        f"for good, or rows would silently never arrive. {UNCHANGED}",
        f"Publish the table without it first, as the owner of the publication: alter publication {publication} drop "
        f"table {table.label}; alter publication {publication} add table {table.label} ({kept}), with a filter that "
        "does not need it; on the subscriber, alter subscription ... refresh publication with (copy_data = false). "
        "Then run the same command again.",
    )


def lost_identity(table: PublishedTable, index: str) -> RefusedError:
    """Return the error for the end of the index that is the replica identity of a published table."""
    return RefusedError(
        f"{index} is the replica identity of {table.label}, which {quoted(table.publication)} publishes: without it "
        f"every UPDATE and DELETE of the table would fail. {UNCHANGED}",
        f"Choose another first: alter table {table.label} replica identity using index <a unique index of NOT NULL "
        f"columns>, or alter table {table.label} replica identity full.",
    )


def no_identity(table: PublishedTable) -> RefusedError:
    """Return the error for a published table whose rows nobody can update or delete."""
    return RefusedError(
        f"Table {table.label} is published by {quoted(table.publication)} and has no replica identity that the "
        f"publication covers: PostgreSQL lets nobody update or delete its rows. {UNCHANGED}",
        f"Give it one first: a primary key, or alter table {table.label} replica identity full.",
    )


def refuse_pending(found: Publications, changed: Mapping[str, Sequence[str]]) -> None:
    """Refuse a run whose revisions change published tables; `changed` are columns by the name of their table."""
    for each in found.watched(found.tables):
        columns = changed.get(each.name, ()) if each.schema == quoted(each.here) else ()
        sent = [quoted(column) for column in columns if column in each.columns or not each.listed]
        raise_for([each], f"changes column {', '.join(sent)}" if sent else None, "a pending revision")


def subscriptions_of(connection: Connection, table: str) -> list[str]:
    """Return the enabled subscriptions that write to `table`."""
    return [row.subname for row in connection.exec_driver_sql(SUBSCRIBED, (quoted(table),))]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
