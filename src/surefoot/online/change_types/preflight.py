"""Whether a change of types can be done: asked of PostgreSQL on empty copies, before anything is touched."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from surefoot.errors import RefusedError, UsageError
from surefoot.online.change_types.conversion import Change, Conversion, given, temporary
from surefoot.online.executor import Steps
from surefoot.online.retire import column_retirement
from surefoot.online.retired_registry import within
from surefoot.online.target_table import Table, asked_right

NOTHING = "nothing was changed."
COLUMNS = """
select a.attname::text as name,
       a.attnum as number,
       format_type(a.atttypid, a.atttypmod) as type,
       a.attnotnull as not_null,
       a.attgenerated <> '' as generated,
       case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end as collation,
       n.conname as not_null_name,
       coalesce(n.convalidated, true) as not_null_valid
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid
  left join pg_constraint n
    on n.conrelid = a.attrelid
   and n.contype = 'n'
   and n.conkey = array[a.attnum]
 where a.attrelid = cast(cast(:table as text) as regclass)
   and a.attname = any (:names)
"""
# Only what the swap knows how to bring along may hang on the column; PostgreSQL's name of the rest is the reason.
HINDRANCES = """
select a.attname::text as name,
       case
           when c.contype = 'p' then format('it is part of the primary key %I', c.conname)
           when c.contype = 'x' then format('exclusion constraint %I is on it', c.conname)
           when f.relkind = 'p' then format('partitioned table %s points to it by %I', c.conrelid::regclass, c.conname)
           when g.attname is not null then format('generated column %I is made from it', g.attname)
           else format('%s needs it', regexp_replace(pg_describe_object(d.classid, d.objid, d.objsubid),
                                                     '^rule "?_RETURN"? on ', ''))
       end as reason
  from pg_depend d
  join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  left join pg_attrdef e on d.classid = 'pg_attrdef'::regclass and e.oid = d.objid
  left join pg_attribute g
    on g.attrelid = d.refobjid
   and g.attgenerated <> ''
   and g.attnum = case when d.classid = 'pg_class'::regclass and d.objid = d.refobjid then d.objsubid else e.adnum end
  left join pg_constraint c on d.classid = 'pg_constraint'::regclass and c.oid = d.objid
  left join pg_class f on c.contype = 'f' and f.oid = c.conrelid and c.confrelid = d.refobjid
  left join pg_class r on d.classid = 'pg_class'::regclass and r.oid = d.objid
 where d.refclassid = 'pg_class'::regclass
   and d.refobjid = :table
   and a.attname = any (:names)
   and not coalesce(starts_with(g.attname, '__retired_'), false)
   and not coalesce(
       case d.classid
           when 'pg_constraint'::regclass then c.contype in ('u', 'f', 'c', 'n') and f.relkind is distinct from 'p'
           when 'pg_class'::regclass then r.relkind in ('i', 'S')
           when 'pg_attrdef'::regclass then e.adnum = d.refobjsubid
           when 'pg_trigger'::regclass then true
           when 'pg_statistic_ext'::regclass then true
       end, false)
union all
select a.attname::text,
       format('its type %s refuses NULL, and rows could no longer be inserted', format_type(t.oid, null))
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid and t.typnotnull and t.typdefault is null
 where a.attrelid = :table
   and a.attname = any (:names)
"""
WITH_GENERATED = "select from pg_attribute where attrelid = :table and attgenerated <> '' limit 1"
GENERATED = """
select a.attname::text as name
  from pg_depend d
  join pg_rewrite r on r.oid = d.objid and r.ev_class = 'pg_temp.ourschool_used'::regclass
  join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid and a.attgenerated <> ''
 where d.classid = 'pg_rewrite'::regclass
   and d.refobjid = :table
"""


@dataclass(frozen=True)
class Wanted:
    """What the revision asks for one column; `type` is SQL."""

    type: str
    using: str
    back: str


def changes(steps: Steps, table: Table, wanted: Mapping[str, Wanted]) -> Conversion:
    """The columns that still have another type than is wanted, after everything that can be asked has been asked.

    Raises UsageError for what is wrong in the revision, RefusedError for a column that cannot be changed like this.
    """
    rows = {row.name: row for row in steps.look(COLUMNS, table=_literal(table), names=list(wanted))}
    for row in rows.values():
        if row.generated:
            raise UsageError(
                f"Column {table.name}.{row.name} is generated: its type follows from its expression.",
                f"Change the expression instead; {NOTHING}",
            )
    with scratch(steps):
        types = _types(steps, table, wanted)
        left = [column for column in wanted if (rows[column].type, rows[column].collation) != types[column]]
        _refuse_hindrances(steps, table, left)
        _try_expressions(steps, table, {column: wanted[column] for column in left}, types)
    found = []
    for column in left:
        row, (type_, collation), asked = rows[column], types[column], wanted[column]
        thing = column_retirement.retired(steps, table.name, column, back=True)
        if thing is not None:
            there = steps.look(COLUMNS, table=_literal(table), names=[thing.stands_as])
            if (there[0].type, there[0].collation) != (type_, collation):
                thing = None
        target = thing.stands_as if thing else temporary(steps.revision, column)
        found.append(
            Change(
                table, column, row.number, row.type, type_, collation, asked.using, asked.back, row.not_null,
                row.not_null_valid, row.not_null_name, target, thing,
            )
        )  # fmt: skip
    return Conversion(table, tuple(found))


@contextmanager
def scratch(steps: Steps) -> Iterator[None]:
    """A transaction that is rolled back."""
    steps.execute("begin")
    try:
        yield
    finally:
        if not steps.connection.invalidated:
            steps.execute("rollback")


def _types(steps: Steps, table: Table, wanted: Mapping[str, Wanted]) -> dict[str, tuple[str, str | None]]:
    """What PostgreSQL calls the wanted types, with a collation of the column's own where one stands in the type."""
    for nth, (column, asked) in enumerate(wanted.items()):
        statement = "alter table ourschool_type add {} {}" if nth else "create temporary table ourschool_type ({} {})"
        with asked_right(f"the type {asked.type!r} for {table.name}.{column}"):
            steps.execute(sql.SQL(statement).format(_new(column), sql.SQL(asked.type)))
    names = {within(f"new {column}"): column for column in wanted}
    rows = steps.look(COLUMNS, table="pg_temp.ourschool_type", names=list(names))
    return {names[row.name]: (row.type, row.collation) for row in rows}


def _refuse_hindrances(steps: Steps, table: Table, columns: list[str]) -> None:
    for row in steps.look(HINDRANCES, table=table.oid, names=columns):
        raise RefusedError(
            f"The type of {table.name}.{row.name or columns[0]} cannot be changed online: {row.reason}.",
            "Drop that in the same revision before and make it anew after, or write the change by hand as plain "
            f"op.alter_column, which stops everybody while the table is rewritten; {NOTHING}",
        )


def _try_expressions(
    steps: Steps, table: Table, wanted: Mapping[str, Wanted], types: Mapping[str, tuple[str, str | None]]
) -> None:
    """Let PostgreSQL plan both ways of each column: what it assigns to what, without a row.

    The WHERE refuses what an UPDATE would: aggregates, windows, functions that return sets.
    """
    try_it = sql.SQL("explain insert into {} ({}) overriding system value select {} from {} where {} is not null")
    after = sql.SQL("(select {}) as {}").format(
        sql.SQL(", ").join(
            sql.SQL("null::{} as {}").format(sql.SQL(types[name][0]), sql.Identifier(name))
            if name in wanted
            else sql.SQL("(null::{}).{}").format(table.identifier, sql.Identifier(name))
            for name in table.columns
        ),
        table.identifier,
    )
    with_generated = steps.look(WITH_GENERATED, table=table.oid)
    for column, asked in wanted.items():
        to, back = given(asked.using), given(asked.back)
        with asked_right(f"the way of {table.name}.{column} to {types[column][0]}, {asked.using!r}"):
            type_ = sql.Identifier("pg_temp", "ourschool_type")
            steps.execute(try_it.format(type_, _new(column), to, table.identifier, to))
        with asked_right(f"the way of {table.name}.{column} back from {types[column][0]}, {asked.back!r}"):
            steps.execute(try_it.format(table.identifier, sql.Identifier(column), back, after, back))
        if with_generated:
            _refuse_generated(steps, table, column, asked)


def _refuse_generated(steps: Steps, table: Table, column: str, asked: Wanted) -> None:
    steps.execute(
        sql.SQL(
            'create or replace temporary view ourschool_used as select {}::text collate "C" as used from {}'
        ).format(given(asked.using), table.identifier)
    )
    for row in steps.look(GENERATED, table=table.oid):
        raise RefusedError(
            f"The type of {table.name}.{column} cannot be changed online by {asked.using!r}: it reads the "
            f"generated column {row.name}, which has no value yet when a trigger looks.",
            f"Write that column's expression in its place; {NOTHING}",
        )


def _new(column: str) -> sql.Identifier:
    return sql.Identifier(within(f"new {column}"))


def _literal(table: Table) -> str:
    return table.identifier.as_string()
