"""`op.backfill`: give columns of a big table their values in batches, resumable, without stalling anybody."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from psycopg import sql

from surefoot.errors import RefusedError, UsageError
from surefoot.online import key_ranges, rendering, target_table
from surefoot.online.backfill import batch_runner, offline
from surefoot.online.executor import Steps
from surefoot.online.target_table import Table
from surefoot.progress import row_progress

log = logging.getLogger("surefoot")

PASSES = 3
"""Walks over the table at most: rows that arrive behind the first need a second, rows that never stop no fourth."""

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
# Only rows of this very transaction: what a client wrote meanwhile may match, and is nobody's fault.
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
    """Set columns of the rows that match a condition, batch by batch."""

    def __init__(
        self,
        table_name: str,
        values: Mapping[str, str],
        where: str | None = None,
        *,
        key: str | Sequence[str] | None = None,
    ) -> None:
        self.table_name = table_name
        self.values = dict(values)
        self.where = where
        self.key = key

    @classmethod
    def backfill(
        cls,
        operations: Operations,
        table_name: str,
        values: Mapping[str, str],
        where: str | None = None,
        *,
        key: str | Sequence[str] | None = None,
    ) -> None:
        """Set each column of `values` to its SQL expression in all rows that match `where`, in batches of `key`.

        Each batch is committed. A run that was cut off goes on, because rows that are done no longer match `where`;
        left out, it is that a column is distinct from its expression. `key` is the primary key where nobody says.
        Raises UsageError for a missing table, column or key or wrong SQL, RefusedError where a row still matches after
        it was set.
        """
        operations.invoke(cls(table_name, values, where, key=key))

    def reverse(self) -> MigrateOperation:
        """Nothing takes values away again: what a backfill filled is the column's business."""
        raise NotImplementedError("A backfill has no reverse: retire the column that it filled.")

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """What `alembic check` prints."""
        return ("backfill", self.table_name, self.values, self.where)


@renderers.dispatch_for(BackfillOp)
def _render(context: AutogenContext, op: BackfillOp) -> str:
    arguments = [op.table_name, op.values] + ([op.where] if op.where is not None else [])
    return rendering.call(context, "backfill", *arguments, key=op.key)


@Operations.implementation_for(BackfillOp)
def _backfill(operations: Operations, op: BackfillOp) -> None:
    if not op.values:
        raise UsageError(
            f"op.backfill of {op.table_name} was given no values.", 'Give them: {"column": "SQL expression"}.'
        )
    with Steps(operations) as steps:
        if steps.offline:
            offline.print_block(steps, op.table_name, op.values, op.where, op.key)
        else:
            _run(steps, op)


def _run(steps: Steps, op: BackfillOp) -> None:
    table = target_table.find(steps, op.table_name)
    table.needs(op.values)
    fill = Fill(steps, table, key_ranges.of(steps, table, op.key), op)
    fill.check()
    if not fill.left():
        return
    what = f"Backfill of {table.name} ({', '.join(op.values)})"
    with row_progress(what, batch_runner.about(steps, table)) as progress:
        for _ in range(PASSES):
            batch_runner.Walk(steps, table, fill.key, fill.batch, progress).run()
            if not fill.left():
                return
            progress.rows = 0
    log.warning(
        "Rows of %s still come to match %s: whoever writes them needs a default, or to write the value.",
        table.name,
        op.where or "the condition",
    )


class Fill:
    """The statements of one backfill."""

    def __init__(self, steps: Steps, table: Table, key: key_ranges.Key, op: BackfillOp) -> None:
        self.steps, self.table, self.key, self.op = steps, table, key, op
        self.values = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), _given(value)) for name, value in op.values.items()
        )
        self.where = self._where()
        self._done = 0

    def check(self) -> None:
        """Let PostgreSQL read the statement without running it. Raises UsageError for what it does not take."""
        statement = sql.SQL("explain {}").format(self._update(sql.SQL("true")))
        with target_table.asked_right(f"the backfill of {self.table.name}"):
            self.steps.repeat(lambda: self.steps.execute(statement))

    def batch(self, within: sql.Composable) -> int:
        """Set the rows of one range. Raises RefusedError where one of them still matches afterwards."""
        found = self.steps.execute(self._update(within))
        assert found is not None
        row = found.one()
        if row.again:
            self._refuse_endless(within, row.rows)
        self._done += row.rows
        return int(row.rows)

    def left(self) -> bool:
        """Whether there are rows that match."""
        found = self.steps.execute(LEFT.format(table=self.table.identifier, where=self.where))
        assert found is not None
        return bool(found.scalar_one())

    def _update(self, within: sql.Composable) -> sql.Composed:
        return UPDATE.format(table=self.table.identifier, values=self.values, range=within, where=self.where)

    def _where(self) -> sql.Composable:
        rows = self.steps.look(COLUMNS, table=self.table.oid, names=list(self.op.values))
        for row in rows:
            if row.generated:
                raise UsageError(
                    f"Column {row.name} of {self.table.name} is generated: it has its value already.",
                    "Leave it out of the backfill; nothing was changed.",
                )
        if self.op.where is not None:
            return _given(self.op.where)
        # as the column will hold it: numeric(4, 2) rounds, and would be distinct from its expression for ever.
        # Compared as stored, because json and others have no equality.
        different = [
            sql.SQL("row({})::record *<> row(({})::{})::record").format(
                sql.Identifier(row.name), _given(self.op.values[row.name]), sql.SQL(row.type)
            )
            for row in rows
        ]
        return sql.SQL("({})").format(sql.SQL(" or ").join(different))

    def _refuse_endless(self, within: sql.Composable, rows: int) -> None:
        """RETURNING may have read other rows as they were before: look again, and refuse what is really so."""
        found = self.steps.execute(
            AGAIN.format(
                key=self.key.texts(),
                table=self.table.identifier,
                range=within,
                where=self.where,
                order=self.key.order(),
            )
        )
        assert found is not None
        again: Sequence[sa.Row[Any]] = found.all()
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
            + ("nothing was changed." if not self._done else f"the {self._done:,} rows done before stay done."),
        )


def _given(expression: str) -> sql.Composed:
    """An expression of the author's, in parentheses that a comment at its end cannot swallow."""
    return sql.SQL("({}\n)").format(sql.SQL(expression))
