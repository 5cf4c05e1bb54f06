"""Change the labels of an enum type: new ones are added in place, for others the columns move to a new type.

PostgreSQL can neither drop a label nor move one.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from alembic.operations import Operations
from psycopg import sql

from surefoot.errors import RefusedError, UsageError
from surefoot.online import published_tables, target_table
from surefoot.online.change_types.operation import ChangeTypesOnlineOp, preflight_of
from surefoot.online.executor import Steps
from surefoot.online.identifiers import fit_identifier
from surefoot.online.retire import kept_definitions
from surefoot.online.retired_registry import SCHEMA

LABELS = """
select enumlabel::text as label
  from pg_enum
 where enumtypid = to_regtype(:type)
 order by enumsortorder
"""
COLUMNS = """
select c.relname as table, a.attname as column, a.atttypid <> t.oid as is_array
  from pg_type t
  join pg_attribute a on a.atttypid in (t.oid, t.typarray)
  join pg_class c on c.oid = a.attrelid
 where t.oid = to_regtype(:type)
   and c.relkind = 'r'
   and c.relnamespace = quote_ident(current_schema())::regnamespace
   and a.attnum > 0
   and not a.attisdropped
   and not starts_with(a.attname, '__retired_')
 order by 1, 2
"""
ADD = sql.SQL("alter type {} add value if not exists {}")
REMOVED_LABELS = sql.SQL("""
select held.label,
       count(distinct holder.ctid) as rows
  from {table} as holder
 cross join unnest({values}) as held (label)
 where held.label <> all({labels})
 group by 1
 order by 1
""")


@dataclass(frozen=True)
class Labels:
    """The labels that an enum type is to have, and those that it has, each in order."""

    target: tuple[str, ...]
    current: tuple[str, ...]

    @property
    def only_added(self) -> bool:
        """Whether all current labels stay, in their order."""
        return tuple(label for label in self.target if label in self.current) == self.current


Columns = Mapping[str, Mapping[str, bool]]
"""The columns of an enum type by table; True for those that are arrays of it."""


def change_labels(operations: Operations, name: str, labels: Labels, columns: Columns) -> None:
    """Give the type `name` the target labels.

    `labels.current` and `columns` are used offline only; online they are read from the database. A new type is created
    under another name, or taken back where this revision has retired one with these labels. Once all
    columns have the new type, the two types exchange their names. Raises what `change_types_online` raises; the new
    type is dropped then.
    """
    with Steps(operations) as steps:
        if not steps.offline:
            labels = Labels(labels.target, labels_of(steps, sql.Identifier(name)))
            columns = columns_of(steps, name)
        if labels.current == labels.target:
            # a run that was cut off may have retired some
            kept_definitions.note_retirement(steps, "column")
            kept_definitions.note_retirement(steps, "type", fit_identifier(f"{name}_{steps.revision}"))
            return
        for table, names in columns.items():
            published_tables.refuse_labels(steps.context, table, names)
        temporary = fit_identifier(f"{name}_{steps.revision}")
        if not _create_or_reclaim(steps, name, temporary, labels, columns):
            return
    changes = [_change(table, each, name, temporary) for table, each in columns.items()]
    try:
        with Steps(operations) as steps:
            for change in changes if not steps.offline else ():
                preflight_of(steps, change)  # what one table refuses is known before another one has changed
        for change in changes:
            operations.invoke(change)
    except (RefusedError, UsageError):
        with Steps(operations) as steps:
            _give_back(steps, temporary)
        raise
    with Steps(operations) as steps:
        _swap(steps, name, temporary)


def _change(table: str, columns: Mapping[str, bool], name: str, temporary: str) -> ChangeTypesOnlineOp:
    """Return the operation that moves the columns of one table from type `name` to type `temporary`."""
    ways = {}
    for column, is_array in columns.items():
        text, suffix = sql.Identifier(column).as_string(), "[]" if is_array else ""
        old, new = (f"{sql.Identifier(each).as_string()}{suffix}" for each in (name, temporary))
        ways[column] = (new, f"{text}::text::{new}", f"{text}::text::{old}")
    return ChangeTypesOnlineOp(table, ways, successor=(name, temporary))


def _create_or_reclaim(steps: Steps, name: str, temporary: str, labels: Labels, columns: Columns) -> bool:
    """Create the new type, called `temporary`, or take it back; return False where labels were only added in place."""
    retired = labels_of(steps, sql.Identifier(SCHEMA, temporary)) == labels.target
    created = labels_of(steps, sql.Identifier(temporary)) == labels.target
    if not retired and not created and labels.only_added:
        _add(steps, name, labels)
        return False
    if not steps.offline:
        for table, names in columns.items():
            target_table.find(steps, table, partition=False, writes=True)
            for column, is_array in names.items():
                refuse_removed_labels(steps, name, labels, table, column, is_array=is_array)
    if retired:
        schema = steps.fetch("select current_schema() as name")[0].name
        move = sql.SQL("alter type {} set schema {}")
        steps.run(move.format(sql.Identifier(SCHEMA, temporary), sql.Identifier(schema)))
    elif not created:
        listed = sql.SQL(", ").join(map(sql.Literal, labels.target))
        steps.run(sql.SQL("create type {} as enum ({})").format(sql.Identifier(temporary), listed))
    return True


def _give_back(steps: Steps, temporary: str) -> None:
    """Drop the new type of a change that was refused, or retire it again; a table that has changed already keeps it."""
    if columns_of(steps, temporary):
        return
    try:
        steps.run(sql.SQL("drop type {}").format(sql.Identifier(temporary)))
    except sa.exc.DBAPIError:  # the retired columns that it was taken back for have it
        with suppress(sa.exc.DBAPIError):
            steps.run(sql.SQL("alter type {} set schema {}").format(sql.Identifier(temporary), sql.Identifier(SCHEMA)))


def labels_of(steps: Steps, name: sql.Identifier) -> tuple[str, ...]:
    """Return the labels of a type in their order; none where there is no such type, and offline."""
    return tuple(row.label for row in steps.fetch(LABELS, type=name.as_string()))


def columns_of(steps: Steps, name: str) -> dict[str, dict[str, bool]]:
    """Return the columns that have the type or are arrays of it, without retired ones."""
    used: dict[str, dict[str, bool]] = {}
    for row in steps.fetch(COLUMNS, type=sql.Identifier(name).as_string()):
        used.setdefault(row.table, {})[row.column] = row.is_array
    return used


def _add(steps: Steps, name: str, labels: Labels) -> None:
    """Add each new label before or after one that exists by then, each in a transaction of its own.

    PostgreSQL allows the use of a new label only after the transaction that added it.
    """
    target = labels.target
    start = next((nth for nth, label in enumerate(target) if label in labels.current), 0)
    if not labels.current:
        steps.run(ADD.format(sql.Identifier(name), target[0]))
    for nth in (*range(start + 1, len(target)), *range(start - 1, -1, -1)):
        word, neighbour = ("after", target[nth - 1]) if nth > start else ("before", target[nth + 1])
        if target[nth] not in labels.current:
            place = sql.SQL(" {} {}").format(sql.SQL(word), neighbour)
            steps.run(ADD.format(sql.Identifier(name), target[nth]) + place)


def refuse_removed_labels(  # noqa: PLR0913  # a column is a table, a name and whether it is an array
    steps: Steps, name: str, labels: Labels, table: str, column: str, *, is_array: bool
) -> None:
    """Raise RefusedError where rows of `table` have a label in `column` that is not among the target labels."""
    values = sql.SQL("holder.{}::text[]" if is_array else "array[holder.{}::text]").format(sql.Identifier(column))
    query = REMOVED_LABELS.format(table=sql.Identifier(table), values=values, labels=list(labels.target))
    rows = steps.fetch(query)
    if rows:
        listed = ", ".join(f"{row.label!r} ({row.rows})" for row in rows)
        raise RefusedError(
            f"Rows of {table}.{column} hold labels that {name} will not have: {listed}.",
            "Give them another value first, in this revision with op.backfill; nothing was changed.",
        )


def _swap(steps: Steps, name: str, temporary: str) -> None:
    """Exchange the names of the old and the new type and move the old one to schema `retired`, in one transaction."""
    kept_definitions.note_retirement(steps, "type", temporary)
    old, new = sql.Identifier(name), sql.Identifier(temporary)
    replaced = sql.Identifier(fit_identifier(f"{temporary}_gone"))
    steps.run_in_transaction(
        sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)),
        sql.SQL("alter type {} rename to {}").format(old, replaced),
        sql.SQL("alter type {} rename to {}").format(new, old),
        sql.SQL("alter type {} rename to {}").format(replaced, new),
        sql.SQL("alter type {} set schema {}").format(new, sql.Identifier(SCHEMA)),
    )
