"""How the labels of an enum type change: added in place; PostgreSQL takes none out, so there the columns are copied."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from alembic.operations import Operations
from psycopg import sql

from surefoot.errors import RefusedError, UsageError
from surefoot.online import target_table
from surefoot.online.change_types.operation import ChangeTypesOnlineOp
from surefoot.online.executor import Steps
from surefoot.online.retire import kept_definitions
from surefoot.online.retired_registry import SCHEMA, within

LABELS = """
select enumlabel::text as label
  from pg_enum
 where enumtypid = to_regtype(:type)
 order by enumsortorder
"""
COLUMNS = """
select c.relname as table, a.attname as column
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid
 where a.atttypid = to_regtype(:type)
   and c.relkind = 'r'
   and c.relnamespace = current_schema()::regnamespace
   and a.attnum > 0
   and not a.attisdropped
   and not starts_with(a.attname, '__retired_')
 order by 1, 2
"""
ADD = sql.SQL("alter type {} add value if not exists {}")
HELD = sql.SQL("select {column}::text as label, count(*) as rows from {table} where {column}::text <> all({labels})"
               " group by 1 order by 1")  # fmt: skip


@dataclass(frozen=True)
class Labels:
    """The labels that an enum type shall have, and those that it has."""

    wanted: tuple[str, ...]
    now: tuple[str, ...]

    @property
    def only_added(self) -> bool:
        """Whether those that are there stay, and in their order."""
        return tuple(label for label in self.wanted if label in self.now) == self.now


def change(operations: Operations, name: str, labels: Labels, columns: Mapping[str, Sequence[str]]) -> None:
    """Give type `name` the labels. What `labels` and `columns` say of now is believed only where nobody can look.

    The type that is put in the place of the old one is made, or taken back where this revision has set it aside with
    the very labels; it has its own name until every column is of it. Then the two change names.
    """
    with Steps(operations) as steps:
        if not steps.offline:
            labels = Labels(labels.wanted, labels_of(steps, sql.Identifier(name)))
            columns = columns_of(steps, name)
        if labels.now == labels.wanted:
            return
        aside = within(f"{name}_{steps.revision}")
        if not _made(steps, name, aside, labels, columns):
            return
    old, new = sql.Identifier(name).as_string(), sql.Identifier(aside).as_string()
    try:
        for table, names in columns.items():
            quoted = {column: sql.Identifier(column).as_string() for column in names}
            changes = {column: (new, f"{text}::text::{new}", f"{text}::text::{old}") for column, text in quoted.items()}
            operations.invoke(ChangeTypesOnlineOp(table, changes))
    except (RefusedError, UsageError):
        with Steps(operations) as steps, suppress(sa.exc.DBAPIError):  # a column that is of the type already keeps it
            steps.run(sql.SQL("drop type {}").format(sql.Identifier(aside)))
        raise
    with Steps(operations) as steps:
        _swap(steps, name, aside)


def _made(steps: Steps, name: str, aside: str, labels: Labels, columns: Mapping[str, Sequence[str]]) -> bool:
    """Make the type that takes the place; False where labels had only to be added to the one that is there."""
    kept = labels_of(steps, sql.Identifier(SCHEMA, aside)) == labels.wanted
    begun = labels_of(steps, sql.Identifier(aside)) == labels.wanted
    if not kept and not begun and labels.only_added:
        _add(steps, name, labels)
        return False
    if not steps.offline:
        for table, names in columns.items():
            target_table.find(steps, table, partition=False)
            for column in names:
                refuse_held(steps, name, labels, table, column)
    if kept:
        schema = steps.look("select current_schema() as name")[0].name
        back = sql.SQL("alter type {} set schema {}")
        steps.run(back.format(sql.Identifier(SCHEMA, aside), sql.Identifier(schema)))
    elif not begun:
        listed = sql.SQL(", ").join(map(sql.Literal, labels.wanted))
        steps.run(sql.SQL("create type {} as enum ({})").format(sql.Identifier(aside), listed))
    return True


def labels_of(steps: Steps, name: sql.Identifier) -> tuple[str, ...]:
    """The labels of a type in their order; none where there is no such type, and offline."""
    return tuple(row.label for row in steps.look(LABELS, type=name.as_string()))


def columns_of(steps: Steps, name: str) -> dict[str, list[str]]:
    """The columns of the type, by table."""
    used: dict[str, list[str]] = {}
    for row in steps.look(COLUMNS, type=sql.Identifier(name).as_string()):
        used.setdefault(row.table, []).append(row.column)
    return used


def _add(steps: Steps, name: str, labels: Labels) -> None:
    """Each new label beside one that is there by then; every one a transaction of its own, so that it can be used."""
    wanted = labels.wanted
    start = next((nth for nth, label in enumerate(wanted) if label in labels.now), 0)
    if not labels.now:
        steps.run(ADD.format(sql.Identifier(name), wanted[0]))
    for nth in (*range(start + 1, len(wanted)), *range(start - 1, -1, -1)):
        word, beside = ("after", wanted[nth - 1]) if nth > start else ("before", wanted[nth + 1])
        if wanted[nth] not in labels.now:
            place = sql.SQL(" {} {}").format(sql.SQL(word), beside)
            steps.run(ADD.format(sql.Identifier(name), wanted[nth]) + place)


def refuse_held(steps: Steps, name: str, labels: Labels, table: str, column: str) -> None:
    """Raise RefusedError where rows hold a label that `labels` wants no more."""
    held = HELD.format(column=sql.Identifier(column), table=sql.Identifier(table), labels=list(labels.wanted))
    found = steps.look(held.as_string().replace(":", r"\:"))
    if found:
        listed = ", ".join(f"{row.label!r} ({row.rows})" for row in found)
        raise RefusedError(
            f"Rows of {table}.{column} hold labels that {name} will not have: {listed}.",
            "Give them another value first, in this revision with op.backfill; nothing was changed.",
        )


def _swap(steps: Steps, name: str, aside: str) -> None:
    """The old type goes out of the way, and the new one has its name; all at once."""
    kept_definitions.note(steps, "type")
    old, new, gone = sql.Identifier(name), sql.Identifier(aside), sql.Identifier(within(f"{aside}_gone"))
    steps.together(
        sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)),
        sql.SQL("alter type {} rename to {}").format(old, gone),
        sql.SQL("alter type {} rename to {}").format(new, old),
        sql.SQL("alter type {} rename to {}").format(gone, new),
        sql.SQL("alter type {} set schema {}").format(new, sql.Identifier(SCHEMA)),
    )
