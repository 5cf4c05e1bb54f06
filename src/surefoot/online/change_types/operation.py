"""`op.change_types_online`: change the types of columns in use.

Shadow columns are added and kept in sync by a trigger, filled in batches, given the dependents of the columns, and take
the columns' names in one short transaction; the old columns are retired.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from psycopg import sql
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from surefoot.errors import RefusedError, SurefootError, UsageError
from surefoot.online import key_ranges, published_tables, target_table
from surefoot.online.backfill import batch_runner
from surefoot.online.change_types import (
    column_attributes,
    column_dependents,
    dependents_rebuild,
    plain_alter,
    preflight,
    unconvertible_rows,
)
from surefoot.online.change_types.conversion import Conversion
from surefoot.online.change_types.cutover import Cutover
from surefoot.online.change_types.preflight import RequestedType
from surefoot.online.change_types.shadow_column import ShadowColumns
from surefoot.online.executor import LONG_LOCK_TIMEOUT, Steps
from surefoot.online.retire import kept_definitions
from surefoot.online.target_table import Table
from surefoot.private_members import type_as_python
from surefoot.progress import row_progress

log = logging.getLogger("surefoot")

CUTOVER_TRIES = 5
"""Tries of the cutover: each fails where a client wrote a value that cannot be converted, or a dependent was added."""
RETYPED = "gives column %s another type"

Way = tuple["TypeEngine[Any] | type[TypeEngine[Any]] | str", str, str]
"""The new type (`type`), the SQL expression of its values (`using`) and that of the old values (`back`)."""


@Operations.register_operation("change_types_online")
class ChangeTypesOnlineOp(MigrateOperation):
    """Other types for columns of one table. `existing_types` are the present ones, for `reverse`.

    `successor` are the names of a type and of the one that takes its place: what depends on the columns and names the
    one is made again with the other.
    """

    def __init__(
        self,
        table_name: str,
        columns: Mapping[str, Way],
        *,
        existing_types: "Mapping[str, TypeEngine[Any] | str] | None" = None,
        successor: tuple[str, str] | None = None,
    ) -> None:
        self.table_name = table_name
        self.successor = successor
        self.columns = dict(columns)
        self.existing_types = dict(existing_types or {})

    @classmethod
    def change_types_online(cls, operations: Operations, table_name: str, columns: Mapping[str, Way]) -> None:
        """Give each column the type of its `(type, using, back)`, all in one pass over the table.

        `using` is the SQL expression of the new value, `back` that of the old value after the change, over the table's
        columns. Indexes, constraints, default, comment and privileges are kept; the old column is retired. The same
        operation with `(old type, back, using)` is the downgrade: it reuses the retired column, so that a row that was
        not changed since has exactly its old value. A column that has the type already is left alone. Raises
        UsageError for a missing table or column and for wrong SQL, RefusedError for rows that cannot be converted and
        for a column that cannot be changed online; nothing is changed then.
        """
        operations.invoke(cls(table_name, columns))

    @property
    def requested(self) -> dict[str, RequestedType]:
        """What is requested for each column, with its type as SQL."""
        return {name: RequestedType(_sql(way[0]), way[1], way[2]) for name, way in self.columns.items()}

    def reverse(self) -> "ChangeTypesOnlineOp":
        """Return the operation that restores the types. Raises ValueError where `existing_types` lacks one."""
        missing = self.columns.keys() - self.existing_types.keys()
        if missing:
            raise ValueError(f"The type that {self.table_name}.{min(missing)} had is not known.")
        return ChangeTypesOnlineOp(
            self.table_name,
            {name: (self.existing_types[name], back, using) for name, (_, using, back) in self.columns.items()},
            existing_types={name: _instance(type_) for name, (type_, _, _) in self.columns.items()},
        )

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` prints."""
        return ("change_types_online", self.table_name, self.columns)


@renderers.dispatch_for(ChangeTypesOnlineOp)
def _render(context: AutogenContext, op: ChangeTypesOnlineOp) -> str:
    prefix = context.opts["alembic_module_prefix"] or ""
    ways = [
        f"{name!r}: ({_rendered(context, type_)}, {using!r}, {back!r})"
        for name, (type_, using, back) in op.columns.items()
    ]
    return f"{prefix}change_types_online({str(op.table_name)!r}, {{{', '.join(ways)}}})"


@Operations.implementation_for(ChangeTypesOnlineOp)
def _change(operations: Operations, op: ChangeTypesOnlineOp) -> None:
    requested = op.requested
    if not requested:
        raise UsageError(
            f"op.change_types_online of {op.table_name} was given no columns.",
            'Give them: {"column": (type, using, back)}.',
        )
    with Steps(operations) as steps:
        if steps.offline:
            plain_alter.print_blocks(steps, op.table_name, requested)
            return
        table = target_table.find(steps, op.table_name, partition=False)
        table.require_columns(requested)
        conversion = preflight.plan(steps, table, requested, op.successor)
        if conversion.changes:
            changed = [change.column for change in conversion.changes]
            published_tables.refuse_changed_column(steps.context, table.name, changed, RETYPED)
            published_tables.refuse_subscribed(steps.context, table.name)
            target_table.refuse_rules(steps, table.oid)  # after the plan, which names a rule that uses the column
            _run(steps, table, conversion)
        else:
            kept_definitions.note_retirement(steps, "column")  # a run that was cut off may have retired some
        for column in requested:
            kept_definitions.delete_definition(steps, "column", table.name, column)


def preflight_of(steps: Steps, op: ChangeTypesOnlineOp) -> None:
    """Raise what the operation raises before it changes anything, but for what rows are the reason of."""
    table = target_table.find(steps, op.table_name, partition=False)
    conversion = preflight.plan(steps, table, op.requested, op.successor)
    if conversion.changes:
        target_table.refuse_rules(steps, table.oid)
        column_attributes.read(steps, conversion)
        dependents_rebuild.check_on_copies(steps, conversion, column_dependents.read(steps, conversion))


def _run(steps: Steps, table: Table, conversion: Conversion) -> None:
    key = key_ranges.find(steps, table)
    attributes = column_attributes.read(steps, conversion)
    if plain_alter.change_if_empty(steps, conversion, attributes):
        return
    dependents = column_dependents.read(steps, conversion)
    dependents_rebuild.check_on_copies(steps, conversion, dependents)
    shadow_columns = ShadowColumns(steps, conversion)
    if not shadow_columns.is_complete():
        unconvertible_rows.refuse_rows(steps, conversion)
    shadow_columns.create()
    misses = shadow_columns.failed_conversions()
    try:
        for _ in range(CUTOVER_TRIES):
            misses = shadow_columns.failed_conversions()
            rows = _fill(steps, table, key, conversion)
            dependents_rebuild.build_indexes(steps, conversion, dependents)
            dependents_rebuild.build_constraints(steps, conversion, dependents)
            for each in attributes:
                steps.run(*each.statistics_statements())
            steps.run(f"analyze {table.identifier.as_string()}", lock_timeout=LONG_LOCK_TIMEOUT)
            if Cutover(steps, shadow_columns, dependents, attributes, rows).run(misses):
                log.info("Changed the type of %s.", ", ".join(f"{c.label} to {c.type}" for c in conversion.changes))
                return
            dependents = column_dependents.read(steps, conversion)
        raise RefusedError(
            f"Values that cannot be converted, or changes of the table, came {CUTOVER_TRIES} times while the type of "
            f"{', '.join(c.label for c in conversion.changes)} was being changed.",
            "See who writes them, and run the same command again; nothing was changed.",
        )
    except (SurefootError, sa.exc.DBAPIError) as fault:
        _undo(steps, shadow_columns, misses, fault)
        raise


def _fill(steps: Steps, table: Table, key: key_ranges.Key, conversion: Conversion) -> int:
    """Set the new values in every row, in batches; return how many rows there are. The trigger does new writes."""
    columns = ", ".join(change.column for change in conversion.changes)

    def work(row_range: sql.Composable) -> int:
        return steps.execute(conversion.update(row_range))

    with row_progress(
        f"Change of types in {table.name} ({columns})", batch_runner.estimate_rows(steps, table)
    ) as progress:
        try:
            batch_runner.BatchRunner(steps, table, key, work, progress).run()
        except sa.exc.DBAPIError as fault:
            if unconvertible_rows.is_value_error(fault):
                unconvertible_rows.refuse_rows(steps, conversion, closely=True)
            raise
        return progress.rows


def _undo(steps: Steps, shadow_columns: ShadowColumns, misses: int, fault: Exception) -> None:
    """Drop the temporary objects where the fault is one that the next run would meet again."""
    if isinstance(fault, sa.exc.DBAPIError) and (
        steps.connection.invalidated or not unconvertible_rows.is_value_error(fault)
    ):
        return  # after a lost connection or a lock timeout the next run resumes from here
    try:
        if shadow_columns.failed_conversions() != misses:  # a row violated a constraint because its value became NULL
            unconvertible_rows.refuse_rows(steps, shadow_columns.conversion, closely=True)
    finally:
        with suppress(sa.exc.DBAPIError):
            shadow_columns.remove()


def _sql(type_: Any) -> str:
    if isinstance(type_, str):
        return type_
    return str(_instance(type_).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]


def _instance(type_: Any) -> Any:
    return type_() if isinstance(type_, type) else type_


def _rendered(context: AutogenContext, type_: Any) -> str:
    if isinstance(type_, str):
        return repr(type_)
    return type_as_python(_instance(type_), context)
