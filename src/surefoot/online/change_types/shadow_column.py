"""The shadow columns of a change of types, and the trigger that keeps them in sync with the columns."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from surefoot import database
from surefoot.errors import UsageError
from surefoot.online.change_types import conversion
from surefoot.online.change_types.conversion import PREFIX, Conversion
from surefoot.online.change_types.legacy_trigger import RESTATE
from surefoot.online.change_types.shadow_column_sql import (
    ALWAYS,
    BODY,
    FUNCTION,
    LEFTOVERS,
    ON_CHANGE,
    ON_INSERT,
    ON_UPDATE,
    ONE,
    OTHERS,
    TARGETS,
    TRIGGERS,
    WATCHED,
)
from surefoot.online.executor import Steps
from surefoot.online.identifiers import fit_identifier
from surefoot.servers import encodings

LAST = "~"
"""The prefix of our triggers' names: triggers fire in the byte order of their names, and ours must fire last.

Where another trigger's name sorts after it, the prefix is the last character of the database's encoding.
"""


@dataclass(frozen=True)
class Names:
    """The names of the triggers (on INSERT and on UPDATE), their function, and the sequence that counts failures."""

    function: sql.Identifier
    misses: sql.Identifier
    triggers: tuple[str, str]


class ShadowColumns:
    """The temporary objects of one change of types."""

    def __init__(self, steps: Steps, change: Conversion) -> None:
        self.steps, self.conversion, self.table = steps, change, change.table
        base = f"{PREFIX}{steps.revision}_{self.table.name}"
        others = steps.fetch(OTHERS, table=self.table.oid)
        beyond = any(row.name > LAST for row in others)
        first = encodings.last_character(database.driver_of(steps.connection)) if beyond else LAST
        self._watched_by_value = any(row.on_update for row in others)
        self.names = Names(
            sql.Identifier(fit_identifier(base)),
            sql.Identifier(fit_identifier(f"{base}_misses")),
            (fit_identifier(f"{first}{base}_i"), fit_identifier(f"{first}{base}_u")),
        )

    def create(self) -> None:
        """Add columns and triggers in one short transaction, unless an interrupted run of this change has done it."""
        self.steps.run(RESTATE)
        if self.is_complete():
            return
        self.remove()
        steps, table = self.steps, self.table

        def work() -> None:
            with steps.transaction():
                conversion.lock_tables(steps, table)
                for change in self.conversion.changes:
                    if change.retired is None:
                        self._add_column(change)
                for statement in self._trigger_statements():
                    steps.execute(statement)

        steps.retry_on_lock(work)

    def remove(self) -> None:
        """Drop the temporary objects of this and earlier tries. A reused retired column stays, without NOT NULL.

        Raises UsageError where a column of somebody else has the name of a shadow column.
        """
        steps, table = self.steps, self.table
        existing = steps.fetch(TARGETS, table=table.oid, names=[c.shadow_name for c in self.conversion.changes])
        comments = {row.name: row.comment or "" for row in existing}
        for change in self.conversion.changes:
            if change.retired is None and not comments.get(change.shadow_name, "ourschool: ").startswith("ourschool: "):
                raise UsageError(
                    f"The name {change.shadow_name!r} is taken: {table.name} has a column of that name that "
                    "is not ours.",
                    "Rename that column; nothing was changed.",
                )
        leftovers = steps.fetch(LEFTOVERS, table=table.oid, names=[c.shadow_name for c in self.conversion.changes])
        if not existing and not leftovers and not steps.fetch(TRIGGERS, table=table.oid):
            return

        def work() -> None:
            with steps.transaction():
                conversion.lock_tables(steps, table, sorted({row.on for row in leftovers if row.elsewhere}))
                for statement in self.drop_trigger_statements():
                    steps.execute(statement)
                for row in leftovers:
                    steps.execute(row.statement)
                for change in self.conversion.changes:
                    if change.retired is None:
                        steps.execute(
                            sql.SQL("alter table {} drop column if exists {}").format(table.identifier, change.shadow)
                        )
                    elif change.shadow_name in comments:
                        steps.execute(
                            sql.SQL("alter table {} alter column {} drop not null").format(
                                table.identifier, change.shadow
                            )
                        )

        steps.retry_on_lock(work)

    def drop_trigger_statements(self) -> list[sql.Composable]:
        """Return the statements that drop the triggers, their function and the sequence, for the cutover."""
        triggers = self.steps.fetch(TRIGGERS, table=self.table.oid)
        return [
            *(
                sql.SQL("drop trigger {} on {}").format(sql.Identifier(row.name), self.table.identifier)
                for row in triggers
            ),
            sql.SQL("drop function if exists {}()").format(self.names.function),
            sql.SQL("drop sequence if exists {}").format(self.names.misses),
        ]

    def failed_conversions(self) -> int:
        """Return how many values that clients wrote could not be converted."""
        query = sql.SQL("select case when is_called then last_value else 0 end from {}").format(self.names.misses)
        return int(self.steps.fetch(query)[0][0])

    def is_complete(self) -> bool:
        """Return whether an interrupted run of this change has made all of them, with triggers that miss no write."""
        names = [change.shadow_name for change in self.conversion.changes]
        comments = {row.name: row.comment for row in self.steps.fetch(TARGETS, table=self.table.oid, names=names)}
        triggers = {row.name: row for row in self.steps.fetch(TRIGGERS, table=self.table.oid)}
        body = self._function_body().as_string()
        return (
            triggers.keys() == set(self.names.triggers)
            and all(row.body == body and row.as_here for row in triggers.values())
            and self._fires_for_all(triggers[self.names.triggers[1]])
            and all(
                change.shadow_name in comments
                and (change.retired is not None or comments[change.shadow_name] == change.mark(self.steps.revision))
                for change in self.conversion.changes
            )
        )

    def _fires_for_all(self, trigger: sa.Row[Any]) -> bool:
        """Return whether the trigger on UPDATE fires whenever one that is created now would."""
        return trigger.by_value or (
            not self._watched_by_value and set(trigger.columns) == {row.name for row in self._watched_columns()}
        )

    def _watched_columns(self) -> list[sa.Row[Any]]:
        targets = {change.shadow_name for change in self.conversion.changes}
        return [row for row in self.steps.fetch(WATCHED, table=self.table.oid) if row.name not in targets]

    def _add_column(self, change: conversion.Change) -> None:
        parts = {"table": self.table.identifier, "column": change.shadow}
        collation = sql.SQL(f" collate {change.collation}" if change.collation else "")
        self.steps.execute(
            sql.SQL("alter table {table} add column {column} {type}{collation}").format(
                **parts, type=sql.SQL(change.type), collation=collation
            )
        )
        self.steps.execute(
            sql.SQL("comment on column {table}.{column} is {mark}").format(
                **parts, mark=change.mark(self.steps.revision)
            )
        )

    def _trigger_statements(self) -> list[sql.Composable]:
        watched = [sql.Identifier(row.name) for row in self._watched_columns()]
        parts = {
            "table": self.table.identifier,
            "function": self.names.function,
            "columns": sql.SQL(", ").join(watched),
            "old": sql.SQL(", ").join(sql.SQL("old.{}").format(name) for name in watched),
            "new": sql.SQL(", ").join(sql.SQL("new.{}").format(name) for name in watched),
        }
        on_insert, on_update = map(sql.Identifier, self.names.triggers)
        return [
            sql.SQL("create sequence {}").format(self.names.misses),
            FUNCTION.format(function=self.names.function, body=self._function_body().as_string()),
            sql.SQL(ON_INSERT).format(**parts, trigger=on_insert),
            sql.SQL(ON_CHANGE if self._watched_by_value else ON_UPDATE).format(**parts, trigger=on_update),
            sql.SQL(ALWAYS).format(**parts, trigger=on_insert),
            sql.SQL(ALWAYS).format(**parts, trigger=on_update),
        ]

    def _function_body(self) -> sql.Composed:
        changes = self.conversion.changes
        targets = [sql.SQL("new.{}").format(change.shadow) for change in changes]
        return BODY.format(
            values=sql.SQL(", ").join(self.conversion.value(change) for change in changes),
            targets=sql.SQL(", ").join(targets),
            table=self.table.identifier,
            one_by_one=sql.SQL("").join(
                ONE.format(value=self.conversion.value(change), target=target, table=self.table.identifier)
                for change, target in zip(changes, targets, strict=True)
            ),
            misses=sql.SQL("{}::regclass").format(self.names.misses.as_string()),
        )
