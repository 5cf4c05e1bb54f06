"""The cutover of a change of types: one short transaction in which the shadow columns take the columns' names."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from surefoot.online.change_types import column_dependents, dependents_rebuild
from surefoot.online.change_types.column_attributes import ColumnAttributes
from surefoot.online.change_types.column_dependents import Dependents
from surefoot.online.change_types.conversion import Conversion, lock_tables
from surefoot.online.change_types.shadow_column import ShadowColumns
from surefoot.online.dependent_ddl import comment_on, set_trigger_mode, unique_using_index
from surefoot.online.executor import Steps
from surefoot.online.retire import column_retirement, kept_definitions

INDEX_COLUMNS = """
select i.indexrelid::regclass::text as relation,
       a.attname::text as name
  from pg_index i
  join pg_class x on x.oid = i.indexrelid and starts_with(x.relname, '__changing_')
  join pg_attribute a on a.attrelid = i.indexrelid and a.attname = any (:names)
 where i.indrelid = :table
 order by 1, 2
"""


class Cutover:
    """Retires the old columns and renames shadow columns, indexes and constraints; no row is read or written.

    `rows` is the number of rows that the registry records with the retired columns.
    """

    def __init__(
        self,
        steps: Steps,
        shadow_columns: ShadowColumns,
        dependents: Dependents,
        attributes: tuple[ColumnAttributes, ...],
        rows: int,
    ) -> None:
        self.steps, self.shadow_columns, self.rows = steps, shadow_columns, rows
        self.dependents, self.attributes = dependents, attributes
        self.conversion: Conversion = shadow_columns.conversion
        self.table = self.conversion.table.identifier
        self._column_of = {change.shadow_name: change.column for change in self.conversion.changes}

    def run(self, misses: int) -> bool:
        """Cut over; return False, with nothing changed, where a value could not be converted or a dependent changed.

        `misses` is the count of failed conversions when all rows were last known to have their new values.
        """
        return self.steps.retry_on_lock(lambda: self._try(misses))

    def _try(self, misses: int) -> bool:
        steps = self.steps
        with steps.transaction():
            lock_tables(steps, self.conversion.table, self.dependents.joined_tables)
            if (
                self.shadow_columns.failed_conversions() != misses
                or column_dependents.read_in_transaction(steps, self.conversion) != self.dependents
            ):
                return False
            places = {attributes.change.column: self._sequence_position(attributes) for attributes in self.attributes}
            self._each(self.shadow_columns.drop_trigger_statements())
            self._each(self._release_dependents())
            for change in self.conversion.changes:
                column_retirement.set_aside(steps, change.table.name, change.column, rows=self.rows)
                kept_definitions.note_retirement(steps, "column")
                if change.retired is not None:
                    column_retirement.restore_name(steps, change.retired)
                else:
                    steps.execute(
                        sql.SQL("alter table {} rename column {} to {}").format(self.table, change.shadow, change.name)
                    )
            for attributes in self.attributes:
                self._each(attributes.after_cutover(places[attributes.change.column]))
            self._each(self._take_names())
        return True

    def _sequence_position(self, attributes: ColumnAttributes) -> tuple[int, bool] | None:
        """Return last_value and is_called of an identity's sequence, which nobody uses while the table is locked."""
        if not attributes.identity or attributes.sequence is None:
            return None
        row = self.steps.fetch(sql.SQL("select last_value, is_called from {}").format(sql.SQL(attributes.sequence)))[0]
        return int(row.last_value), bool(row.is_called)

    def _release_dependents(self) -> Iterator[sql.Composable]:
        """Yield what takes away the dependents that retiring a column would keep or drop; they are made again."""
        for attributes in self.attributes:
            yield from attributes.before_cutover()
        for trigger in self.dependents.triggers:
            yield sql.SQL("drop trigger {} on {}").format(sql.Identifier(trigger.name), self.table)
        for statistics in self.dependents.statistics:
            yield sql.SQL("drop statistics {}").format(sql.SQL(statistics.name))
        if any(index.identifies for index in self.dependents.indexes):
            yield sql.SQL("alter table {} replica identity default").format(self.table)

    def _take_names(self) -> Iterator[sql.Composable]:
        """Yield what gives the rebuilt dependents their names, which are free now, and creates the other ones again."""
        for row in self._index_columns():
            yield sql.SQL("alter table {} rename {} to {}").format(
                sql.SQL(row.relation), sql.Identifier(row.name), sql.Identifier(self._column_of[row.name])
            )
        for index in self.dependents.indexes:
            yield from self._index(index)
        for constraint in self.dependents.constraints:
            table, name = sql.SQL(constraint.table), sql.Identifier(constraint.name)
            yield sql.SQL("alter table {} rename constraint {} to {}").format(
                table, sql.Identifier(dependents_rebuild.constraint_name(self.steps, constraint)), name
            )
            yield from comment_on(sql.SQL("constraint {} on {}").format(name, table), constraint.comment)
        for change in self.conversion.changes:
            if change.not_null_name is not None:
                yield sql.SQL(RENAME_NOT_NULL).format(
                    body=sql.SQL(RENAME_NOT_NULL_BODY)
                    .format(relation=self.table.as_string(), column=change.column, name=change.not_null_name)
                    .as_string()
                )
        for trigger in self.dependents.triggers:
            name = sql.Identifier(trigger.name)
            yield sql.SQL(trigger.definition)
            yield from set_trigger_mode(self.table, name, trigger.enabled)
            yield from comment_on(sql.SQL("trigger {} on {}").format(name, self.table), trigger.comment)
        for statistics in self.dependents.statistics:
            yield sql.SQL(statistics.definition)
            if statistics.target is not None:
                yield sql.SQL("alter statistics {} set statistics {}").format(
                    sql.SQL(statistics.name), statistics.target
                )
            yield from comment_on(sql.SQL("statistics {}").format(sql.SQL(statistics.name)), statistics.comment)

    def _index(self, index: column_dependents.Index) -> Iterator[sql.Composable]:
        temporary = sql.Identifier(dependents_rebuild.index_name(self.steps, index))
        if index.constraint is not None:
            name = sql.Identifier(index.constraint)
            body = unique_using_index(temporary, deferrable=index.deferrable, deferred=index.deferred)
            yield sql.SQL("alter table {} add constraint {} {}").format(self.table, name, body)
            yield from comment_on(sql.SQL("constraint {} on {}").format(name, self.table), index.comment)
        else:
            yield sql.SQL("alter index {} rename to {}").format(temporary, sql.Identifier(index.name))
            yield from comment_on(sql.SQL("index {}").format(sql.Identifier(index.name)), index.comment)
        for target in index.targets:
            yield sql.SQL("alter index {} {}").format(sql.Identifier(index.name), sql.SQL(target))
        if index.clustered:
            yield sql.SQL("alter table {} cluster on {}").format(self.table, sql.Identifier(index.name))
        if index.identifies:
            yield sql.SQL("alter table {} replica identity using index {}").format(
                self.table, sql.Identifier(index.name)
            )

    def _index_columns(self) -> Sequence[sa.Row[Any]]:
        """Return the columns of rebuilt indexes that still have the shadow column's name, which psql shows."""
        table = self.conversion.table
        return self.steps.fetch(INDEX_COLUMNS, table=table.oid, names=list(self._column_of))

    def _each(self, statements: Iterator[sql.Composable] | list[sql.Composable]) -> None:
        for statement in statements:
            self.steps.execute(statement)


# NOT NULL constraints have names from PostgreSQL 18 on; before, this finds none.
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
