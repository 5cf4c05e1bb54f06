"""`op.change_types_online`: another type for columns in use. Expand, sync by trigger, fill, rebuild, swap, retire."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from surefoot.errors import RefusedError, SurefootError, UsageError
from surefoot.online import key_ranges, target_table
from surefoot.online.backfill import batch_runner
from surefoot.online.change_types import (
    column_attributes,
    column_dependents,
    dependents_rebuild,
    empty_table,
    offline,
    preflight,
    unconvertible_rows,
)
from surefoot.online.change_types.conversion import Conversion
from surefoot.online.change_types.cutover import Swap
from surefoot.online.change_types.preflight import Wanted
from surefoot.online.change_types.shadow_column import Expansion
from surefoot.online.executor import Steps
from surefoot.online.retire import kept_definitions
from surefoot.online.target_table import Table
from surefoot.private_members import type_as_python
from surefoot.progress import row_progress

log = logging.getLogger("surefoot")

SWAPS = 5
"""Tries, each after something came between: a value that does not convert, an index of somebody else's."""

Way = tuple["TypeEngine[Any] | type[TypeEngine[Any]] | str", str, str]
"""The new type, the SQL expression that makes its values, and the one that makes the old ones of them."""


@Operations.register_operation("change_types_online")
class ChangeTypesOnlineOp(MigrateOperation):
    """Give columns of one table other types while it is in use."""

    def __init__(
        self,
        table_name: str,
        columns: Mapping[str, Way],
        *,
        existing_types: "Mapping[str, TypeEngine[Any] | str] | None" = None,
    ) -> None:
        self.table_name = table_name
        self.columns = dict(columns)
        self.existing_types = dict(existing_types or {})

    @classmethod
    def change_types_online(cls, operations: Operations, table_name: str, columns: Mapping[str, Way]) -> None:
        """Give each column of `columns` the type in `(type, using, back)`, all in one pass over the table.

        `using` makes the new value of a row and `back` the old one of it: SQL expressions over the table's columns.
        Indexes, constraints, default, comment and privileges come along; the old column is retired. The same operation
        with `(old type, back, using)` is the way back: it takes the retired column for it, so that a row that was not
        changed since has its old value to the digit. Nothing is to do where the column has the type.
        Raises UsageError for a missing table or column or wrong SQL, RefusedError for rows that do not convert and for
        a column that cannot be changed like this; nothing is changed then.
        """
        operations.invoke(cls(table_name, columns))

    @property
    def wanted(self) -> dict[str, Wanted]:
        """What is asked for each column, its type as SQL."""
        return {name: Wanted(_sql(way[0]), way[1], way[2]) for name, way in self.columns.items()}

    def reverse(self) -> "ChangeTypesOnlineOp":
        """The way back, known where autogenerate knew the old types."""
        missing = self.columns.keys() - self.existing_types.keys()
        if missing:
            raise ValueError(f"The type that {self.table_name}.{min(missing)} had is not known.")
        return ChangeTypesOnlineOp(
            self.table_name,
            {name: (self.existing_types[name], back, using) for name, (_, using, back) in self.columns.items()},
            existing_types={name: _instance(type_) for name, (type_, _, _) in self.columns.items()},
        )

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """What `alembic check` prints."""
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
    wanted = op.wanted
    if not wanted:
        raise UsageError(
            f"op.change_types_online of {op.table_name} was given no columns.",
            'Give them: {"column": (type, using, back)}.',
        )
    with Steps(operations) as steps:
        if steps.offline:
            offline.print_block(steps, op.table_name, wanted)
            return
        table = target_table.find(steps, op.table_name, partition=False)
        table.needs(wanted)
        conversion = preflight.changes(steps, table, wanted)
        if conversion.changes:
            _run(steps, table, conversion)
        for column in wanted:
            kept_definitions.forget(steps, "column", table.name, column)


def _run(steps: Steps, table: Table, conversion: Conversion) -> None:
    key = key_ranges.of(steps, table)
    carried = column_attributes.read(steps, conversion)
    if empty_table.done(steps, conversion, carried):
        return
    found = column_dependents.read(steps, conversion)
    dependents_rebuild.rehearse(steps, conversion, found)
    expansion = Expansion(steps, conversion)
    if not expansion.stands():
        unconvertible_rows.refuse_rows(steps, conversion)
    expansion.make()
    misses = expansion.misses()
    try:
        for _ in range(SWAPS):
            misses = expansion.misses()
            rows = _fill(steps, table, key, conversion)
            dependents_rebuild.indexes(steps, conversion, found)
            dependents_rebuild.promises(steps, conversion, found)
            for trait in carried:
                steps.run(*trait.of_statistics())
            steps.run(f"analyze {table.identifier.as_string()}", lock_timeout="60s")
            if Swap(steps, expansion, found, carried, rows).run(misses):
                log.info("Changed the type of %s.", ", ".join(f"{c.called} to {c.type}" for c in conversion.changes))
                return
            found = column_dependents.read(steps, conversion)
        raise RefusedError(
            f"Values that cannot be converted, or changes of the table, came {SWAPS} times while the type of "
            f"{', '.join(c.called for c in conversion.changes)} was being changed.",
            "See who writes them, and run the same command again; nothing was changed.",
        )
    except (SurefootError, sa.exc.DBAPIError) as fault:
        _undo(steps, expansion, misses, fault)
        raise


def _fill(steps: Steps, table: Table, key: key_ranges.Key, conversion: Conversion) -> int:
    """Give every row its new values, in one pass for all columns; the trigger looks after those written meanwhile."""
    columns = ", ".join(change.column for change in conversion.changes)

    def work(within: Any) -> int:
        done = steps.execute(conversion.update(within))
        assert done is not None
        return done.rowcount

    with row_progress(f"Change of types in {table.name} ({columns})", batch_runner.about(steps, table)) as progress:
        try:
            batch_runner.Walk(steps, table, key, work, progress).run()
        except sa.exc.DBAPIError as fault:
            if unconvertible_rows.unconvertible(fault):
                unconvertible_rows.refuse_rows(steps, conversion, closely=True)
            raise
        return progress.rows


def _undo(steps: Steps, expansion: Expansion, misses: int, fault: Exception) -> None:
    """Leave nothing of the try behind, where the fault is one that the next run would meet again."""
    if isinstance(fault, sa.exc.DBAPIError) and (
        steps.connection.invalidated or not unconvertible_rows.unconvertible(fault)
    ):
        return  # a lost connection, locks that were not to be had: the next run goes on from here
    try:
        if expansion.misses() != misses:  # a row that broke something did so because its value came out as NULL
            unconvertible_rows.refuse_rows(steps, expansion.conversion, closely=True)
    finally:
        with suppress(sa.exc.DBAPIError):
            expansion.undo()


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
