"""`op.set_not_null_online`, which validates the rows while others work, and `op.drop_not_null_online`."""

from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation
from psycopg import sql

from surefoot.errors import UsageError
from surefoot.online import published_tables, target_table
from surefoot.online.constraints import constraint_specs, not_null_methods
from surefoot.online.executor import Steps
from surefoot.online.rendering import call
from surefoot.online.retire import column_retirement


@Operations.register_operation("set_not_null_online")
class SetNotNullOnlineOp(MigrateOperation):
    """NOT NULL for a column of a table that holds rows."""

    def __init__(self, table_name: str, column_name: str, *, schema: str | None = None) -> None:
        self.table_name = table_name
        self.column_name = column_name
        self.schema = schema

    @classmethod
    def set_not_null_online(
        cls, operations: Operations, table_name: str, column_name: str, *, schema: str | None = None
    ) -> None:
        """Make a column NOT NULL: the table is read under a lock that blocks no reader or writer.

        Raises RefusedError with the number and keys of the rows where it is NULL; nothing is changed then.
        """
        operations.invoke(cls(table_name, column_name, schema=schema))

    def reverse(self) -> "DropNotNullOnlineOp":
        """Return the operation that allows NULL again."""
        return DropNotNullOnlineOp(self.table_name, self.column_name)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` prints."""
        return ("modify_nullable", self.schema, self.table_name, self.column_name, {}, True, False)


@Operations.register_operation("drop_not_null_online")
class DropNotNullOnlineOp(MigrateOperation):
    """The removal of NOT NULL from a column."""

    def __init__(self, table_name: str, column_name: str, *, schema: str | None = None) -> None:
        self.table_name = table_name
        self.column_name = column_name
        self.schema = schema

    @classmethod
    def drop_not_null_online(
        cls, operations: Operations, table_name: str, column_name: str, *, schema: str | None = None
    ) -> None:
        """Allow NULL in a column, under a brief lock that is retried."""
        operations.invoke(cls(table_name, column_name, schema=schema))

    def reverse(self) -> SetNotNullOnlineOp:
        """Return the operation that makes the column NOT NULL again."""
        return SetNotNullOnlineOp(self.table_name, self.column_name)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` prints."""
        return ("modify_nullable", self.schema, self.table_name, self.column_name, {}, False, True)


@Operations.implementation_for(SetNotNullOnlineOp)
def _set_not_null(operations: Operations, op: SetNotNullOnlineOp) -> None:
    target_table.valid_name(op.column_name, op.schema)
    with Steps(operations) as steps:
        if steps.offline:
            _print(steps, op)
        else:
            not_null_methods.set_not_null(steps, not_null_methods.find(steps, op.table_name, op.column_name))


@Operations.implementation_for(DropNotNullOnlineOp)
def _drop_not_null(operations: Operations, op: DropNotNullOnlineOp) -> None:
    """Allow NULL, and drop the CHECK that an interrupted SET NOT NULL has left."""
    target_table.valid_name(op.column_name, op.schema)
    names = {"table": sql.Identifier(op.table_name), "column": sql.Identifier(op.column_name)}
    with Steps(operations) as steps:
        if steps.offline:
            steps.run(not_null_methods.DROP.format(**names))
            return
        exists = column_retirement.exists(steps, op.table_name, op.column_name)
        if not exists and column_retirement.find_retired(steps, op.table_name, op.column_name, by_opposite=False):
            return  # an interrupted run of this revision has come further, and has retired the column
        column = not_null_methods.find(steps, op.table_name, op.column_name)
        if column.not_null and column.refusal:
            raise UsageError(
                f"Column {op.table_name}.{op.column_name} cannot allow NULL: it is {column.refusal}.",
                "Correct the name in the revision; nothing was changed.",
            )
        if column.not_null:
            published_tables.refuse_null(steps.context, op.table_name, op.column_name)
            steps.run(not_null_methods.DROP.format(**names))
        not_null_methods.drop_check(steps, column)


def _print(steps: Steps, op: SetNotNullOnlineOp) -> None:
    """Print SQL that psql can run again, on a server of any version: SET NOT NULL through a validated CHECK."""
    name, body = not_null_methods.check_constraint(op.table_name, op.column_name)
    table, column = sql.Identifier(op.table_name), sql.Identifier(op.column_name)
    constraint_specs.print_validated(steps, op.table_name, name, body)
    steps.run_in_transaction(
        not_null_methods.SET.format(table=table, column=column),
        constraint_specs.DROP.format(table=table, name=sql.Identifier(name)),
    )


@renderers.dispatch_for(SetNotNullOnlineOp)
def _render_set(context: AutogenContext, op: SetNotNullOnlineOp) -> str:
    return call(context, "set_not_null_online", op.table_name, op.column_name)


@renderers.dispatch_for(DropNotNullOnlineOp)
def _render_drop(context: AutogenContext, op: DropNotNullOnlineOp) -> str:
    return call(context, "drop_not_null_online", op.table_name, op.column_name)
