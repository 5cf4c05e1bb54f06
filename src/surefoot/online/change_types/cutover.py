"""The swap of a change of types: one short transaction, after which the successors are the columns."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from surefoot.online.change_types import column_dependents, dependents_rebuild
from surefoot.online.change_types.column_attributes import Traits
from surefoot.online.change_types.column_dependents import Dependents
from surefoot.online.change_types.conversion import Conversion, lock
from surefoot.online.change_types.shadow_column import Expansion
from surefoot.online.executor import Steps
from surefoot.online.retire import column_retirement, kept_definitions

ENABLED = {"D": "disable trigger", "R": "enable replica trigger", "A": "enable always trigger"}
INDEX_COLUMNS = """
select i.indexrelid::regclass::text as relation,
       a.attname::text as name
  from pg_index i
  join pg_class x on x.oid = i.indexrelid and starts_with(x.relname, '__changing_')
  join pg_attribute a on a.attrelid = i.indexrelid and a.attname = any (:names)
 where i.indrelid = :table
 order by 1, 2
"""


class Swap:
    """Names change hands, nothing is scanned or copied."""

    def __init__(
        self, steps: Steps, expansion: Expansion, found: Dependents, traits: tuple[Traits, ...], rows: int
    ) -> None:
        self.steps, self.expansion, self.found, self.traits, self.rows = steps, expansion, found, traits, rows
        self.conversion: Conversion = expansion.conversion
        self.table = self.conversion.table.identifier
        self._column_of = {change.target: change.column for change in self.conversion.changes}

    def run(self, misses: int) -> bool:
        """Swap; False, with nothing changed, where a value came that does not convert or something hangs on it anew.

        `misses` is how many there had been when all rows were last known to have their new values.
        """
        return self.steps.repeat(lambda: self._try(misses))

    def _try(self, misses: int) -> bool:
        steps = self.steps
        with steps.transaction():
            lock(steps, self.conversion.table, self.found.others)
            if self.expansion.misses() != misses or column_dependents.looked_at(steps, self.conversion) != self.found:
                return False
            places = {traits.change.column: self._place(traits) for traits in self.traits}
            self._each(self.expansion.end())
            self._each(self._let_go())
            for change in self.conversion.changes:
                column_retirement.set_aside(steps, change.table.name, change.column, rows=self.rows)
                kept_definitions.note(steps, "column")
                if change.thing is not None:
                    column_retirement.take_back(steps, change.thing)
                else:
                    steps.execute(
                        sql.SQL("alter table {} rename column {} to {}").format(
                            self.table, change.successor, change.name
                        )
                    )
            for traits in self.traits:
                self._each(traits.after_the_swap(places[traits.change.column]))
            self._each(self._take_names())
        return True

    def _place(self, traits: Traits) -> tuple[int, bool] | None:
        """Where the sequence of an identity stands; nobody draws from it while the table is locked."""
        if not traits.identity or traits.sequence is None:
            return None
        found = self.steps.execute(sql.SQL("select last_value, is_called from {}").format(sql.SQL(traits.sequence)))
        assert found is not None
        row = found.one()
        return int(row.last_value), bool(row.is_called)

    def _let_go(self) -> Iterator[sql.Composable]:
        """What retiring would not know how to treat: these follow the column's name, and are made again with it."""
        for traits in self.traits:
            yield from traits.before_the_swap()
        for trigger in self.found.triggers:
            yield sql.SQL("drop trigger {} on {}").format(sql.Identifier(trigger.name), self.table)
        for statistics in self.found.statistics:
            yield sql.SQL("drop statistics {}").format(sql.SQL(statistics.name))
        if any(index.identifies for index in self.found.indexes):
            yield sql.SQL("alter table {} replica identity default").format(self.table)

    def _take_names(self) -> Iterator[sql.Composable]:
        """The successors' indexes and constraints get the names, which are free now."""
        for row in self._index_columns():
            yield sql.SQL("alter table {} rename {} to {}").format(
                sql.SQL(row.relation), sql.Identifier(row.name), sql.Identifier(self._column_of[row.name])
            )
        for index in self.found.indexes:
            yield from self._index(index)
        for constraint in self.found.constraints:
            table, name = sql.SQL(constraint.table), sql.Identifier(constraint.name)
            yield sql.SQL("alter table {} rename constraint {} to {}").format(
                table, sql.Identifier(dependents_rebuild.constraint_name(self.steps, constraint)), name
            )
            yield from _comment(sql.SQL("constraint {} on {}").format(name, table), constraint.comment)
        for change in self.conversion.changes:
            if change.not_null_name is not None:
                yield sql.SQL(RENAME_NOT_NULL).format(
                    body=sql.SQL(RENAME_NOT_NULL_BODY)
                    .format(relation=self.table.as_string(), column=change.column, name=change.not_null_name)
                    .as_string()
                )
        for trigger in self.found.triggers:
            name = sql.Identifier(trigger.name)
            yield sql.SQL(trigger.definition)
            if trigger.enabled in ENABLED:
                yield sql.SQL("alter table {} {} {}").format(self.table, sql.SQL(ENABLED[trigger.enabled]), name)
            yield from _comment(sql.SQL("trigger {} on {}").format(name, self.table), trigger.comment)
        for statistics in self.found.statistics:
            yield sql.SQL(statistics.definition)
            yield from _comment(sql.SQL("statistics {}").format(sql.SQL(statistics.name)), statistics.comment)

    def _index(self, index: column_dependents.Index) -> Iterator[sql.Composable]:
        temporary = sql.Identifier(dependents_rebuild.index_name(self.steps, index))
        if index.constraint is not None:
            deferred = " initially deferred" if index.deferred else ""
            name = sql.Identifier(index.constraint)
            yield sql.SQL("alter table {} add constraint {} unique using index {}{}").format(
                self.table, name, temporary, sql.SQL(f" deferrable{deferred}" if index.deferrable else "")
            )
            yield from _comment(sql.SQL("constraint {} on {}").format(name, self.table), index.comment)
        else:
            yield sql.SQL("alter index {} rename to {}").format(temporary, sql.Identifier(index.name))
            yield from _comment(sql.SQL("index {}").format(sql.Identifier(index.name)), index.comment)
        if index.clustered:
            yield sql.SQL("alter table {} cluster on {}").format(self.table, sql.Identifier(index.name))
        if index.identifies:
            yield sql.SQL("alter table {} replica identity using index {}").format(
                self.table, sql.Identifier(index.name)
            )

    def _index_columns(self) -> Sequence[sa.Row[Any]]:
        """The columns of indexes that still say the successor's name, to whoever looks at them with psql."""
        table = self.conversion.table
        return self.steps.look(INDEX_COLUMNS, table=table.oid, names=list(self._column_of))

    def _each(self, statements: Iterator[sql.Composable] | list[sql.Composable]) -> None:
        for statement in statements:
            self.steps.execute(statement)


# Servers before 18 have no names for NOT NULL; a primary word there is a name that PostgreSQL chose by itself.
RENAME_NOT_NULL = "do {body}"
RENAME_NOT_NULL_BODY = """
declare
    present name;
begin
    select n.conname into present
      from pg_constraint n
      join pg_attribute a on a.attrelid = n.conrelid and n.conkey = array[a.attnum]
     where n.conrelid = {relation}::regclass and n.contype = 'n' and a.attname = {column};
    if present <> {name} then
        execute format('alter table %s rename constraint %I to %I', {relation}, present, {name}::text);
    end if;
end
"""


def _comment(what: sql.Composable, comment: str | None) -> Iterator[sql.Composable]:
    if comment is not None:
        yield sql.SQL("comment on {} is {}").format(what, comment)
