"""`op.backfill`: set columns of a big table in committed batches; an interrupted run can be resumed."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from psycopg import sql

from surefoot.errors import RefusedError, UsageError
from surefoot.online import key_ranges, left_for_later, rendering, target_table
from surefoot.online.backfill import batch_runner
from surefoot.online.executor import Steps
from surefoot.online.target_table import Table
from surefoot.progress import row_progress
from surefoot.runtime import work_queue
from surefoot.runtime.work_queue import NewEntry

log = logging.getLogger("surefoot")

PASSES = 3
"""Passes over the table at most: rows that were inserted during the first need a second one."""

COLUMNS = """
select a.attname::text as name,
       format_type(a.atttypid, a.atttypmod) as type,
       a.attgenerated <> '' as generated
  from pg_attribute a
 where a.attrelid = :table
   and a.attname = any (:names)
"""
UPDATE = sql.SQL("""
with changed as (
    update {table}
       set {values}
     where {range}
       and {where}
 returning {where} as again
)
select count(*) as rows,
       count(*) filter (where again) as again
  from changed
""")
# Only rows that this transaction wrote (xmin): rows that a client wrote meanwhile may match.
AGAIN = sql.SQL("""
select count(*) over () as rows,
       concat_ws(', ', {key}) as place
  from {table}
 where {range}
   and xmin = pg_current_xact_id()::xid
   and {where}
 order by {order}
 limit 5
""")
LEFT = sql.SQL("select exists (select from {table} where {where})")


@Operations.register_operation("backfill")
class BackfillOp(MigrateOperation):
    """The directive. `values` is an SQL expression for each column, `key` the columns of an index or None."""

    def __init__(
        self,
        table_name: str,
        values: Mapping[str, str],
        where: str | None = None,
        *,
        key: str | Sequence[str] | None = None,
        later: bool = False,
    ) -> None:
        self.table_name = table_name
        self.values = dict(values)
        self.where = where
        self.key = key
        self.later = later

    @classmethod
    def backfill(  # noqa: PLR0913  # as many as the operation has
        cls,
        operations: Operations,
        table_name: str,
        values: Mapping[str, str],
        where: str | None = None,
        *,
        key: str | Sequence[str] | None = None,
        later: bool = False,
    ) -> None:
        """Set the columns of `values` to their SQL expressions in the rows that match `where`, in batches by `key`.

        Each batch is committed. An interrupted run is resumed by the same command, because rows that are done no
        longer match `where`; without it, the condition is that a column is distinct from its expression. `key` are
        columns that an index begins with, by default the primary key. With `later` it is queued, for `surefoot work`
        to do after the deploy: rows that are written until then need a default or a trigger of the revision's. Raises
        UsageError for a missing table, column or key and for wrong SQL, RefusedError where a row still matches after it
        was set.
        """
        operations.invoke(cls(table_name, values, where, key=key, later=later))

    @property
    def queued_name(self) -> str:
        """Return what the operation is called in the queue."""
        return f"{self.table_name}.{','.join(self.values)}"

    @property
    def arguments(self) -> dict[str, Any]:
        """Return what the queue keeps of the operation, as JSON; `from_arguments` makes it again."""
        return {"table": self.table_name, "values": self.values, "where": self.where, "key": self.key}

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> "BackfillOp":
        """Return the operation that the queue has as `arguments`."""
        return cls(arguments["table"], arguments["values"], arguments["where"], key=arguments["key"])

    def reverse(self) -> MigrateOperation:
        """Raise NotImplementedError: the old values are not known."""
        raise NotImplementedError("A backfill has no reverse: retire the column that it filled.")

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` prints."""
        return ("backfill", self.table_name, self.values, self.where)


@renderers.dispatch_for(BackfillOp)
def _render(context: AutogenContext, op: BackfillOp) -> str:
    arguments = [op.table_name, op.values] + ([op.where] if op.where is not None else [])
    return rendering.call(context, "backfill", *arguments, key=op.key, later=op.later)


@Operations.implementation_for(BackfillOp)
def _backfill(operations: Operations, op: BackfillOp) -> None:
    if not op.values:
        raise UsageError(
            f"op.backfill of {op.table_name} was given no values.", 'Give them: {"column": "SQL expression"}.'
        )
    with Steps(operations) as steps:
        if steps.offline:
            if op.later:
                left_for_later.print_remark(steps)
            batch_runner.print_batches(steps, op.table_name, op.values, op.where, op.key)
        else:
            _run(steps, op)


def _run(steps: Steps, op: BackfillOp) -> None:
    table = target_table.find(steps, op.table_name, writes=True)
    table.require_columns(op.values)
    fill = Fill(steps, table, key_ranges.find(steps, table, op.key), op)
    fill.check()
    if op.later and left_for_later.can_wait(steps, table):
        left_for_later.leave(steps, _entry(op, batch_runner.estimate_rows(steps, table)))
        return
    if not fill.left():
        return
    what = f"Backfill of {table.name} ({', '.join(op.values)})"
    with row_progress(what, batch_runner.estimate_rows(steps, table)) as progress:
        for _ in range(PASSES):
            batch_runner.BatchRunner(steps, table, fill.key, fill.batch, progress).run()
            if not fill.left():
                return
            progress.rows = 0
    log.warning(
        "Rows of %s still come to match %s: whoever writes them needs a default, or to write the value.",
        table.name,
        op.where or "the condition",
    )


def _entry(op: BackfillOp, rows: int) -> NewEntry:
    return NewEntry(work_queue.BACKFILL, op.queued_name, op.arguments, rows)


class Fill:
    """The statements of one backfill, and how many rows it has set."""

    def __init__(self, steps: Steps, table: Table, key: key_ranges.Key, op: BackfillOp) -> None:
        self.steps, self.table, self.key, self.op = steps, table, key, op
        self.values = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), _expression(value)) for name, value in op.values.items()
        )
        self.where = self._where()
        self._rows_set = 0

    def check(self) -> None:
        """EXPLAIN the UPDATE without running it. Raises UsageError where PostgreSQL refuses it."""
        statement = sql.SQL("explain {}").format(self._update(sql.SQL("true")))
        with target_table.reporting_usage_errors(f"the backfill of {self.table.name}"):
            self.steps.retry_on_lock(lambda: self.steps.execute(statement))

    def batch(self, within: sql.Composable) -> int:
        """Set the rows of one range; return how many. Raises RefusedError where one of them still matches after it."""
        row = self.steps.fetch(self._update(within))[0]
        if row.again:
            self._refuse_endless(within, row.rows)
        self._rows_set += row.rows
        return int(row.rows)

    def left(self) -> bool:
        """Return whether there are rows that match."""
        return bool(self.steps.fetch(LEFT.format(table=self.table.identifier, where=self.where))[0][0])

    def _update(self, within: sql.Composable) -> sql.Composed:
        return UPDATE.format(table=self.table.identifier, values=self.values, range=within, where=self.where)

    def _where(self) -> sql.Composable:
        rows = self.steps.fetch(COLUMNS, table=self.table.oid, names=list(self.op.values))
        for row in rows:
            if row.generated:
                raise UsageError(
                    f"Column {row.name} of {self.table.name} is generated: it has its value already.",
                    "Leave it out of the backfill; nothing was changed.",
                )
        if self.op.where is not None:
            return _expression(self.op.where)
        # Cast to the column's type: a value that numeric(4, 2) rounds would be distinct from its expression for ever.
        # Compared as stored (*<>), because json and others have no equality operator.
        different = [
            sql.SQL("row({})::record *<> row(({})::{})::record").format(
                sql.Identifier(row.name), _expression(self.op.values[row.name]), sql.SQL(row.type)
            )
            for row in rows
        ]
        return sql.SQL("({})").format(sql.SQL(" or ").join(different))

    def _refuse_endless(self, within: sql.Composable, rows: int) -> None:
        """Raise RefusedError for rows of this batch that still match.

        RETURNING evaluates a subquery in `where` on the state before the UPDATE, so the rows are read again.
        """
        again = self.steps.fetch(
            AGAIN.format(
                key=self.key.texts(),
                table=self.table.identifier,
                range=within,
                where=self.where,
                order=self.key.order(),
            )
        )
        if not again:
            return
        condition = (
            repr(self.op.where) if self.op.where is not None else "that a column is distinct from its expression"
        )
        places = ", ".join(row.place for row in again)
        raise RefusedError(
            f"The backfill of {self.table.name} would never end: its where, {condition}, is still true of "
            f"{again[0].rows} of {rows} rows after they were set ({', '.join(self.key.columns)} {places}).",
            "Give a where that the new values make false, for example column is null beside a value that is not; "
            + ("nothing was changed." if not self._rows_set else f"the {self._rows_set:,} rows done before stay done."),
        )


def _expression(text: str) -> sql.Composed:
    """Return the author's expression in parentheses, the closing one behind a newline in case it ends in a comment."""
    return sql.SQL("({}\n)").format(sql.SQL(text))
