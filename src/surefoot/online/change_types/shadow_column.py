"""The new columns, and the trigger that keeps them as the old ones are while the change of types is under way."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from surefoot.errors import UsageError
from surefoot.online.change_types import conversion
from surefoot.online.change_types.conversion import PREFIX, Conversion
from surefoot.online.change_types.legacy_trigger import RESTATED
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
from surefoot.online.retired_registry import within

LAST = ("~", "\U0010fffd")
"""Triggers fire in the order of their names, as bytes: what ours begins with, and where one begins like it, this."""


@dataclass(frozen=True)
class Names:
    """What our trigger, its function and its count of misses are called."""

    function: sql.Identifier
    misses: sql.Identifier
    triggers: tuple[str, str]


class Expansion:
    """The temporary parts of one change of types."""

    def __init__(self, steps: Steps, change: Conversion) -> None:
        self.steps, self.conversion, self.table = steps, change, change.table
        base = f"{PREFIX}{steps.revision}_{self.table.name}"
        others = steps.look(OTHERS, table=self.table.oid)
        first = LAST[any(row.name.encode() > LAST[0].encode() for row in others)]
        self._watched_by_value = any(row.on_update for row in others)
        self.names = Names(
            sql.Identifier(within(base)),
            sql.Identifier(within(f"{base}_misses")),
            (within(f"{first}{base}_i"), within(f"{first}{base}_u")),
        )

    def make(self) -> None:
        """Add columns and triggers in one short transaction, unless an earlier run of this very change has."""
        self.steps.run(RESTATED)
        if self.stands():
            return
        self.undo()
        steps, table = self.steps, self.table

        def work() -> None:
            with steps.transaction():
                conversion.lock(steps, table)
                for change in self.conversion.changes:
                    if change.thing is None:
                        self._add(change)
                for statement in self._triggers():
                    steps.execute(statement)

        steps.repeat(work)

    def undo(self) -> None:
        """Take away everything that is there of this or an earlier try; retired columns only lose what hung on them."""
        steps, table = self.steps, self.table
        there = steps.look(TARGETS, table=table.oid, names=[c.target for c in self.conversion.changes])
        comments = {row.name: row.comment or "" for row in there}
        for change in self.conversion.changes:
            if change.thing is None and not comments.get(change.target, "ourschool: ").startswith("ourschool: "):
                raise UsageError(
                    f"The name {change.target!r} is taken: {table.name} has a column of that name that is not ours.",
                    "Rename that column; nothing was changed.",
                )
        leftovers = steps.look(LEFTOVERS, table=table.oid, names=[c.target for c in self.conversion.changes])
        if not there and not leftovers and not steps.look(TRIGGERS, table=table.oid):
            return

        def work() -> None:
            with steps.transaction():
                conversion.lock(steps, table, sorted({row.on for row in leftovers if row.elsewhere}))
                for statement in self.end():
                    steps.execute(statement)
                for row in leftovers:
                    steps.execute(row.statement)
                for change in self.conversion.changes:
                    if change.thing is None:
                        steps.execute(
                            sql.SQL("alter table {} drop column if exists {}").format(
                                table.identifier, change.successor
                            )
                        )
                    elif change.target in comments:
                        steps.execute(
                            sql.SQL("alter table {} alter column {} drop not null").format(
                                table.identifier, change.successor
                            )
                        )

        steps.repeat(work)

    def end(self) -> list[sql.Composable]:
        """The statements that take the triggers away, for the swap."""
        found = self.steps.look(TRIGGERS, table=self.table.oid)
        return [
            *(
                sql.SQL("drop trigger {} on {}").format(sql.Identifier(row.name), self.table.identifier)
                for row in found
            ),
            sql.SQL("drop function if exists {}()").format(self.names.function),
            sql.SQL("drop sequence if exists {}").format(self.names.misses),
        ]

    def misses(self) -> int:
        """How often a value that was written could not be converted."""
        found = self.steps.execute(
            sql.SQL("select case when is_called then last_value else 0 end from {}").format(self.names.misses)
        )
        assert found is not None
        return int(found.scalar_one())

    def stands(self) -> bool:
        """Whether an earlier run of this very change has made all of it, and nothing written since can have escaped."""
        names = [change.target for change in self.conversion.changes]
        there = {row.name: row.comment for row in self.steps.look(TARGETS, table=self.table.oid, names=names)}
        triggers = {row.name: row for row in self.steps.look(TRIGGERS, table=self.table.oid)}
        body = self._body().as_string()
        return (
            triggers.keys() == set(self.names.triggers)
            and all(row.body == body and row.as_here for row in triggers.values())
            and self._catches_all(triggers[self.names.triggers[1]])
            and all(
                change.target in there
                and (change.thing is not None or there[change.target] == change.mark(self.steps.revision))
                for change in self.conversion.changes
            )
        )

    def _catches_all(self, trigger: sa.Row[Any]) -> bool:
        """Whether the trigger on UPDATE fires for all that one made now would fire for."""
        return trigger.by_value or (
            not self._watched_by_value and set(trigger.columns) == {row.name for row in self._watched()}
        )

    def _watched(self) -> list[sa.Row[Any]]:
        targets = {change.target for change in self.conversion.changes}
        return [row for row in self.steps.look(WATCHED, table=self.table.oid) if row.name not in targets]

    def _add(self, change: conversion.Change) -> None:
        parts = {"table": self.table.identifier, "column": change.successor}
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

    def _triggers(self) -> list[sql.Composable]:
        watched = [sql.Identifier(row.name) for row in self._watched()]
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
            FUNCTION.format(function=self.names.function, body=self._body().as_string()),
            sql.SQL(ON_INSERT).format(**parts, trigger=on_insert),
            sql.SQL(ON_CHANGE if self._watched_by_value else ON_UPDATE).format(**parts, trigger=on_update),
            sql.SQL(ALWAYS).format(**parts, trigger=on_insert),
            sql.SQL(ALWAYS).format(**parts, trigger=on_update),
        ]

    def _body(self) -> sql.Composed:
        changes = self.conversion.changes
        targets = [sql.SQL("new.{}").format(change.successor) for change in changes]
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
