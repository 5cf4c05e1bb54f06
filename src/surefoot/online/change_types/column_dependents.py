"""Read the objects that depend on the columns of a change of types, with definitions for the shadow columns."""

from dataclasses import dataclass
from typing import TypeVar

from psycopg import sql

from surefoot.online.change_types.conversion import Conversion, lock_tables
from surefoot.online.executor import Steps

COLUMNS = "select attname::text as name from pg_attribute where attrelid = :table and not attisdropped"
INDEXES = """
select x.relname as name,
       format('%I.%I', (select nspname from pg_namespace where oid = x.relnamespace), x.relname) as qualified,
       i.indisunique as unique,
       substr(pg_get_indexdef(x.oid),
              length(format('CREATE %sINDEX %I ON %s USING ', case when i.indisunique then 'UNIQUE ' end, x.relname,
                            i.indrelid::regclass)) + 1) as body,
       i.indisvalid as valid,
       i.indisclustered as clustered,
       i.indisreplident as identifies,
       c.conname as constraint,
       coalesce(c.condeferrable, false) as deferrable,
       coalesce(c.condeferred, false) as deferred,
       coalesce(obj_description(c.oid, 'pg_constraint'), obj_description(x.oid, 'pg_class')) as comment,
       array(select format('alter column %s set statistics %s', attnum, attstattarget)
               from pg_attribute where attrelid = x.oid and attstattarget >= 0 order by attnum) as targets
  from pg_index i
  join pg_class x on x.oid = i.indexrelid
  left join pg_constraint c on c.conindid = x.oid and c.conrelid = i.indrelid and c.contype = 'u'
 where i.indrelid = {table}
   and (i.indkey::smallint[] && {numbers}
        or exists (select from pg_depend d
                    where d.classid = 'pg_class'::regclass and d.objid = x.oid
                      and d.refclassid = 'pg_class'::regclass and d.refobjid = {table}
                      and d.refobjsubid = any ({numbers})))
   and not starts_with(x.relname, '__changing_')
 order by x.relname
"""
CONSTRAINTS = """
select c.conname as name,
       c.conrelid::regclass::text as table,
       nullif(c.confrelid, 0)::regclass::text as referent,
       c.conrelid = {table} as here,
       c.confrelid = {table} as there,
       pg_get_constraintdef(c.oid) as definition,
       c.convalidated as valid,
       obj_description(c.oid, 'pg_constraint') as comment,
       array(select a.attname::text from unnest(c.conkey) with ordinality as k (attnum, nth)
               join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum order by nth) as columns,
       array(select a.attname::text from unnest(c.confkey) with ordinality as k (attnum, nth)
               join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.attnum order by nth) as referred
  from pg_constraint c
 where c.contype in ('c', 'f')
   and c.conparentid = 0
   and (c.conrelid = {table} and c.conkey && {numbers} or c.confrelid = {table} and c.confkey && {numbers})
   and not starts_with(c.conname, '__changing_')
 order by c.contype, c.conname
"""
TRIGGERS = """
select t.tgname as name,
       pg_get_triggerdef(t.oid) as definition,
       t.tgenabled as enabled,
       obj_description(t.oid, 'pg_trigger') as comment
  from pg_trigger t
 where t.tgrelid = {table}
   and not t.tgisinternal
   and strpos(t.tgname, '__changing_') not between 1 and 5
   and exists (select from pg_depend d
                where d.classid = 'pg_trigger'::regclass and d.objid = t.oid
                  and d.refclassid = 'pg_class'::regclass and d.refobjid = {table}
                  and d.refobjsubid = any ({numbers}))
 order by t.tgname
"""
STATISTICS = """
select format('%I.%I', (select nspname from pg_namespace where oid = s.stxnamespace), s.stxname) as name,
       pg_get_statisticsobjdef(s.oid) as definition,
       nullif(s.stxstattarget, -1) as target,
       obj_description(s.oid, 'pg_statistic_ext') as comment
  from pg_statistic_ext s
 where exists (select from pg_depend d
                where d.classid = 'pg_statistic_ext'::regclass and d.objid = s.oid
                  and d.refclassid = 'pg_class'::regclass and d.refobjid = {table}
                  and d.refobjsubid = any ({numbers}))
 order by 1
"""


@dataclass(frozen=True)
class Index:
    """An index, of a unique constraint or by itself. `body` is its definition after USING, `qualified` is quoted."""

    name: str
    qualified: str
    unique: bool
    body: str
    valid: bool
    clustered: bool
    identifies: bool
    constraint: str | None
    deferrable: bool
    deferred: bool
    comment: str | None
    targets: list[str]
    """What ALTER INDEX says of the statistics targets of its expressions."""


@dataclass(frozen=True)
class Constraint:
    """A CHECK, or a foreign key from the table (`here`) or to it (`there`). Tables are quoted and schema-qualified."""

    name: str
    table: str
    referent: str | None
    here: bool
    there: bool
    definition: str
    valid: bool
    comment: str | None
    columns: list[str]
    referred: list[str]


@dataclass(frozen=True)
class Trigger:
    """A trigger of the application, with the columns' present names."""

    name: str
    definition: str
    enabled: str
    comment: str | None


@dataclass(frozen=True)
class Statistics:
    """Extended statistics, with the columns' present names."""

    name: str
    definition: str
    target: int | None
    comment: str | None


@dataclass(frozen=True)
class Dependents:
    """The dependents of the columns. Indexes and constraints are written with the shadow columns' names."""

    indexes: tuple[Index, ...]
    constraints: tuple[Constraint, ...]
    triggers: tuple[Trigger, ...]
    statistics: tuple[Statistics, ...]

    @property
    def joined_tables(self) -> list[str]:
        """The other tables that a foreign key joins to this one by these columns, sorted."""
        ends = {(c.table, c.here) for c in self.constraints} | {(c.referent, c.there) for c in self.constraints}
        return sorted(name for name, ours in ends if name is not None and not ours)


def read(steps: Steps, conversion: Conversion) -> Dependents:
    """Read the dependents in a transaction that is rolled back and locks the table for an instant."""

    def work() -> Dependents:
        with steps.rolled_back():
            lock_tables(steps, conversion.table)
            return read_in_transaction(steps, conversion)

    return steps.retry_on_lock(work)


def read_in_transaction(steps: Steps, conversion: Conversion) -> Dependents:
    """Read the dependents inside a transaction that has locked the table.

    The columns are renamed to the shadow columns' names and back (by a savepoint), and a type to that of its successor:
    only PostgreSQL knows where an expression means one, so that it has to print the new name itself.
    """
    table = conversion.table
    path = steps.fetch("select current_setting('search_path')")[0][0]
    qualified = sql.SQL(
        steps.fetch("select format('%I.%I', current_schema(), cast(:name as text))", name=table.name)[0][0]
    )
    steps.execute("set local search_path = pg_catalog")
    existing = {row.name for row in steps.fetch(COLUMNS, table=table.oid)}
    steps.execute("savepoint names")
    _exchange_types(steps, conversion)
    triggers = _rows(steps, conversion, TRIGGERS, Trigger)
    statistics = _rows(steps, conversion, STATISTICS, Statistics)
    for nth, change in enumerate(conversion.changes):
        rename = sql.SQL("alter table {} rename {} to {}")
        if change.shadow_name in existing:
            steps.execute(rename.format(qualified, change.shadow, sql.Identifier(f"ourschool aside {nth}")))
        steps.execute(rename.format(qualified, change.name, change.shadow))
    indexes = _rows(steps, conversion, INDEXES, Index)
    constraints = _rows(steps, conversion, CONSTRAINTS, Constraint)
    steps.execute("rollback to savepoint names")
    steps.execute(sql.SQL("select set_config('search_path', {}, true)").format(path))
    return Dependents(indexes, constraints, triggers, statistics)


def _exchange_types(steps: Steps, conversion: Conversion) -> None:
    """Give the type that goes the name of its successor."""
    if conversion.successor is not None:
        schema = steps.fetch("select relnamespace::regnamespace::text from pg_class where oid = :oid",
                             oid=conversion.table.oid)[0][0]  # fmt: skip
        old, new = (sql.SQL("{}.{}").format(sql.SQL(schema), sql.Identifier(each)) for each in conversion.successor)
        aside = sql.Identifier("ourschool aside type")
        steps.execute(sql.SQL("alter type {} rename to {}").format(new, aside))
        steps.execute(sql.SQL("alter type {} rename to {}").format(old, sql.Identifier(conversion.successor[1])))


_Row = TypeVar("_Row")


def _rows(steps: Steps, conversion: Conversion, query: str, kind: type[_Row]) -> tuple[_Row, ...]:
    numbers = sql.SQL("array[{}]::smallint[]").format(
        sql.SQL(", ").join(sql.Literal(change.number) for change in conversion.changes)
    )
    table = sql.SQL("{}::oid").format(conversion.table.oid)
    rows = steps.fetch(sql.SQL(query).format(table=table, numbers=numbers))
    return tuple(kind(**row._mapping) for row in rows)  # noqa: SLF001  # SQLAlchemy's public name for it
