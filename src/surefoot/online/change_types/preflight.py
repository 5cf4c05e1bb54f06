"""Check whether a change of types can be done, on empty copies and by EXPLAIN, before anything is changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from psycopg import sql

from surefoot.catalogue import old_names
from surefoot.catalogue.old_names import OldName
from surefoot.errors import RefusedError, UsageError
from surefoot.online.change_types.conversion import Change, Conversion, parenthesized, temporary_name
from surefoot.online.executor import Steps
from surefoot.online.identifiers import fit_identifier
from surefoot.online.retire import column_retirement
from surefoot.online.target_table import Table, reporting_usage_errors

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
# Objects that depend on the column and that the cutover cannot rebuild; PostgreSQL's description of one is the reason.
HINDRANCES = """
select a.attname::text as name,
       case
           when c.contype = 'p' then format('it is part of the primary key %I', c.conname)
           when c.contype = 'x' then format('exclusion constraint %I is on it', c.conname)
           when f.relkind = 'p' then format('partitioned table %s points to it by %I', c.conrelid::regclass, c.conname)
           when g.attname is not null then format('generated column %I is made from it', g.attname)
           else format('%s needs it', regexp_replace(pg_describe_object(d.classid, d.objid, d.objsubid),
                                                     '^rule "?_RETURN"? on ', ''))
       end as reason,
       v.relname::text as view,
       obj_description(v.oid, 'pg_class') as comment
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
  left join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
  left join pg_class v on v.oid = w.ev_class
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
       format('its type %s refuses NULL, and rows could no longer be inserted', format_type(t.oid, null)),
       null,
       null
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid and t.typnotnull and t.typdefault is null
 where a.attrelid = :table
   and a.attname = any (:names)
"""
COMMENTS = """
select attname::text as name,
       col_description(attrelid, attnum) as comment
  from pg_attribute
 where attrelid = :table
   and attnum > 0
   and not attisdropped
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
class RequestedType:
    """What the revision requests for one column: the type as SQL, and the expressions of the new and the old value."""

    type: str
    using: str
    back: str


def plan(
    steps: Steps, table: Table, requested: Mapping[str, RequestedType], successor: tuple[str, str] | None = None
) -> Conversion:
    """Return the columns that still have another type than requested, after all checks that need no rows.

    `successor` is as `ChangeTypesOnlineOp` has it.
    Raises UsageError for a mistake in the revision, RefusedError for a column that cannot be changed online.
    """
    rows = {row.name: row for row in steps.fetch(COLUMNS, table=table.identifier.as_string(), names=list(requested))}
    for row in rows.values():
        if row.generated:
            raise UsageError(
                f"Column {table.name}.{row.name} is generated: its type follows from its expression.",
                f"Change the expression instead; {NOTHING}",
            )
    with steps.rolled_back():
        types = _canonical_types(steps, table, requested)
        pending = [column for column in requested if (rows[column].type, rows[column].collation) != types[column]]
        _refuse_hindrances(steps, table, pending)
        _check_expressions(steps, table, {column: requested[column] for column in pending}, types)
    changes = []
    for column in pending:
        row, (type_, collation), request = rows[column], types[column], requested[column]
        retired = column_retirement.find_retired(steps, table.name, column, by_opposite=True)
        if retired is not None:
            kept = steps.fetch(COLUMNS, table=table.identifier.as_string(), names=[retired.stands_as])[0]
            if (kept.type, kept.collation) != (type_, collation):
                retired = None
        shadow_name = retired.stands_as if retired else temporary_name(steps.revision, column)
        changes.append(
            Change(
                table, column, row.number, row.type, type_, collation, request.using, request.back, row.not_null,
                row.not_null_valid, row.not_null_name, shadow_name, retired,
            )
        )  # fmt: skip
    return Conversion(table, tuple(changes), successor)


def _canonical_types(
    steps: Steps, table: Table, requested: Mapping[str, RequestedType]
) -> dict[str, tuple[str, str | None]]:
    """Return each requested type as PostgreSQL prints it, and its collation where it is not that of the type."""
    for nth, (column, request) in enumerate(requested.items()):
        statement = "alter table ourschool_type add {} {}" if nth else "create temporary table ourschool_type ({} {})"
        with reporting_usage_errors(f"the type {request.type!r} for {table.name}.{column}"):
            steps.execute(sql.SQL(statement).format(_scratch_column(column), sql.SQL(request.type)))
    names = {fit_identifier(f"new {column}"): column for column in requested}
    rows = steps.fetch(COLUMNS, table="pg_temp.ourschool_type", names=list(names))
    return {names[row.name]: (row.type, row.collation) for row in rows}


def _refuse_hindrances(steps: Steps, table: Table, columns: list[str]) -> None:
    for row in steps.fetch(COMMENTS, table=table.oid):
        kept = old_names.meant(row.name, row.comment, table.name)
        if kept is not None and {kept.old, kept.new}.intersection(columns):
            what = f"it is the old name of column {kept.new}" if kept.old in columns else (
                f"its old name {kept.old} is still alive")  # fmt: skip
            _refuse(f"{table.name}.{kept.old if kept.old in columns else kept.new}", what, kept)
    for row in steps.fetch(HINDRANCES, table=table.oid, names=columns):
        _refuse(f"{table.name}.{row.name or columns[0]}", row.reason, old_names.meant(row.view or "", row.comment))


def _refuse(column: str, reason: str, kept: OldName | None) -> NoReturn:
    """Raise RefusedError; where what hinders is an old name, `kept`, the remedy is the call that ends it."""
    by_hand = "write the change by hand as plain op.alter_column, which stops everybody while the table is rewritten"
    raise RefusedError(
        f"The type of {column} cannot be changed online: {reason}.",
        f"Drop that in the same revision before and make it anew after, or {by_hand}; {NOTHING}"
        if kept is None
        else f"End that in a revision before this one: {kept.end}; {NOTHING}",
    )


def _check_expressions(
    steps: Steps, table: Table, requested: Mapping[str, RequestedType], types: Mapping[str, tuple[str, str | None]]
) -> None:
    """EXPLAIN the assignment of both expressions of each column, without reading a row.

    The WHERE makes PostgreSQL refuse what it refuses in an UPDATE: aggregates, window and set-returning functions.
    """
    assignment = sql.SQL("explain insert into {} ({}) overriding system value select {} from {} where {} is not null")
    after = sql.SQL("(select {}) as {}").format(
        sql.SQL(", ").join(
            sql.SQL("null::{} as {}").format(sql.SQL(types[name][0]), sql.Identifier(name))
            if name in requested
            else sql.SQL("(null::{}).{}").format(table.identifier, sql.Identifier(name))
            for name in table.columns
        ),
        table.identifier,
    )
    with_generated = steps.fetch(WITH_GENERATED, table=table.oid)
    for column, request in requested.items():
        to, back = parenthesized(request.using), parenthesized(request.back)
        with reporting_usage_errors(f"the way of {table.name}.{column} to {types[column][0]}, {request.using!r}"):
            type_ = sql.Identifier("pg_temp", "ourschool_type")
            steps.execute(assignment.format(type_, _scratch_column(column), to, table.identifier, to))
        with reporting_usage_errors(f"the way of {table.name}.{column} back from {types[column][0]}, {request.back!r}"):
            steps.execute(assignment.format(table.identifier, sql.Identifier(column), back, after, back))
        if with_generated:
            _refuse_generated(steps, table, column, request)


def _refuse_generated(steps: Steps, table: Table, column: str, request: RequestedType) -> None:
    steps.execute(
        sql.SQL(
            'create or replace temporary view ourschool_used as select {}::text collate "C" as used from {}'
        ).format(parenthesized(request.using), table.identifier)
    )
    for row in steps.fetch(GENERATED, table=table.oid):
        raise RefusedError(
            f"The type of {table.name}.{column} cannot be changed online by {request.using!r}: it reads the "
            f"generated column {row.name}, which has no value yet when a trigger looks.",
            f"Write that column's expression in its place; {NOTHING}",
        )


def _scratch_column(column: str) -> sql.Identifier:
    return sql.Identifier(fit_identifier(f"new {column}"))
