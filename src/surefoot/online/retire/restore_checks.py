"""Check, before anything is changed, that the dependents of a retired column or table can be made again."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online.executor import Steps
from surefoot.online.retire import blocking_rows
from surefoot.online.retire.blocking_rows import BlockingRows
from surefoot.online.retired_registry import RetiredItem

Definition = Mapping[str, Any]
"""A constraint, index or trigger as `retire_sql_parts` describes it in JSON."""

RELATION = """
    select coalesce(indisvalid, true) as valid,
           coalesce(indrelid = to_regclass(:table) and exists (
               select from pg_depend
                 join pg_attribute on attrelid = indrelid and attnum = refobjsubid
                where classid = 'pg_class'::regclass and objid = indexrelid
                  and refclassid = 'pg_class'::regclass and refobjid = indrelid and attname = :column
           ), false) as ours
      from pg_class
      left join pg_index on indexrelid = pg_class.oid
     where pg_class.oid = to_regclass(:name)
"""
MISSING = """
    select name
      from unnest(cast(:names as text[])) as name
     where not exists (select from pg_attribute where attrelid = to_regclass(:table) and attname = name)
"""
CONSTRAINT = "select convalidated as valid from pg_constraint where conrelid = to_regclass(:table) and conname = :name"
TYPES = """
    select format_type(moved.oid, null) as name
      from pg_attribute
      join pg_type as moved on atttypid in (moved.oid, moved.typarray)
     where attrelid = to_regclass(:table)
       and attname = coalesce(:column, attname)
       and typnamespace = to_regnamespace('retired')
       and not attisdropped
       and attnum > 0
     limit 1
"""
# The `--sql` form of `refuse_retired_types`.
PRINTED_RETIRED_TYPE = """\
            select format_type(moved.oid, null) into taken
              from pg_type as moved
             where held.atttypid in (moved.oid, moved.typarray) and typnamespace = 'retired'::regnamespace;
            if found then
                raise exception using errcode = {refused},
                    message = format('%I.%I cannot be restored: its type %s is still set aside.',
                                     {table}, {column}, taken),
                    hint = 'Take the type back first, with op.create_enum in the same revision. Nothing was changed.';
            end if;"""


def refuse_conflicts(steps: Steps, item: RetiredItem, current_names: Mapping[str, str]) -> None:
    """Raise RefusedError where a constraint or index of the item could not be made again.

    That is where its name is taken, a column or table that it needs is missing, or rows violate it. `current_names`
    maps a quoted name in the definitions to the one that the relation has now.
    """
    table = current_names.get(item.relation, item.relation)
    for constraint in item.definitions["constraints"]:
        owner = current_names.get(constraint["table"], constraint["table"])
        if steps.fetch(CONSTRAINT, table=owner, name=constraint["name"]):
            raise _name_taken(item, f"{owner} has a constraint", constraint["name"])
        _require_columns(steps, item, constraint["name"], owner, constraint["columns"])
        if constraint["referent"]:
            referent = current_names.get(constraint["referent"], constraint["referent"])
            _require_columns(steps, item, constraint["name"], referent, constraint["referred"])
    for index in item.definitions.get("indexes", ()):
        _require_columns(steps, item, index["name"], table, index["needs"])
        if any(not row.ours for row in relations(steps, item, index)):
            raise _name_taken(item, "there is a relation", index["name"])
        if index["keys"]:
            refuse_rows(item, index["name"], table, blocking_rows.find_duplicates(steps, table, index))
    for constraint in item.definitions["constraints"]:
        owner = current_names.get(constraint["table"], constraint["table"])
        condition = violation_condition(constraint, current_names)
        if condition is not None and constraint["valid"]:
            refuse_rows(item, constraint["name"], owner, blocking_rows.find(steps, owner, condition))


def refuse_retired_types(steps: Steps, item: RetiredItem, table: str, column: str | None = None) -> None:
    """Raise RefusedError where a type of the table, or of its `column` alone, is still in schema `retired`.

    Restored now, the column would have the retired type for good.
    """
    for row in steps.fetch(TYPES, table=table, column=column):
        raise RefusedError(
            f"{item.label} cannot be restored: its type {row.name} is still set aside.",
            "Take the type back first, with op.create_enum in the same revision. Nothing was changed.",
        )


def violation_condition(constraint: Definition, current_names: Mapping[str, str]) -> sql.Composed | None:
    """Return the condition for a row, called `checked`, that violates a CHECK or foreign key; None for other kinds.

    Of a foreign key over periods, the last column may be covered by several rows together.
    """
    if constraint["kind"] == "c":
        return sql.SQL("not ({})").format(sql.SQL(constraint["condition"]))
    if constraint["kind"] == "f":
        here = [sql.Identifier("checked", column) for column in constraint["columns"]]
        there = [sql.Identifier("found", column) for column in constraint["referred"]]
        known = sql.SQL(" and ").join(sql.SQL("{} is not null").format(column) for column in here)
        referent = sql.SQL(current_names.get(constraint["referent"], constraint["referent"]))
        equal = list(map(sql.SQL("{} = {}").format, there, here))
        if constraint.get("period"):
            return sql.SQL("{} and not coalesce((select range_agg({}) @> {} from {} as found where {}), false)").format(
                known, there[-1], here[-1], referent, sql.SQL(" and ").join(equal[:-1])
            )
        return sql.SQL("{} and not exists (select from {} as found where {})").format(
            known, referent, sql.SQL(" and ").join(equal)
        )
    return None


def relations(steps: Steps, item: RetiredItem, index: Definition) -> Sequence[Any]:
    """Return the relation that has the name of `index`, if any: `valid`, and `ours` for an index over the column."""
    name = sql.Identifier(item.schema, index["name"]).as_string()
    return steps.fetch(RELATION, name=name, table=item.relation, column=item.stands_as)


def refuse_rows(item: RetiredItem, name: str, table: str, rows: BlockingRows | None) -> None:
    """Raise RefusedError where there are `rows` of `table` that violate the constraint or index `name`."""
    if rows is not None:
        raise RefusedError(
            f"{item.label} cannot be restored: {rows} of {table} would break {name}.",
            f"They are shown by: {rows.query}; correct them, or set them aside with op.retire_rows, and run the same "
            "command again; nothing was changed.",
        )


def _require_columns(steps: Steps, item: RetiredItem, name: str, table: str, columns: Sequence[str]) -> None:
    missing = [row.name for row in steps.fetch(MISSING, table=table, names=list(columns))]
    if missing:
        raise RefusedError(
            f"{item.label} cannot be restored: {name} needs column {missing[0]} of {table}, which is not there.",
            "Restore that first: what was retired last comes back first. Nothing was changed.",
        )


def _name_taken(item: RetiredItem, where: str, name: str) -> RefusedError:
    return RefusedError(
        f"{item.label} cannot be restored: {where} called {name} already.",
        "Drop or rename that, and run the same command again; nothing was changed.",
    )
