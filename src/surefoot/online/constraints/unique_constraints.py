"""`op.add_unique_online`: builds a unique index CONCURRENTLY and makes it a constraint."""

from collections.abc import Sequence
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation
from psycopg import sql

from surefoot.errors import UsageError
from surefoot.online import canonical_ddl, published_tables, target_table
from surefoot.online.constraints import constraint_specs
from surefoot.online.constraints.check_constraints import DropConstraintOnlineOp
from surefoot.online.executor import Steps
from surefoot.online.indexes import index_builder, printed_index
from surefoot.online.indexes.index_operations import CreateIndexOnlineOp
from surefoot.online.rendering import call
from surefoot.online.target_table import Table

TIMES = ("", "DEFERRED", "IMMEDIATE")


@Operations.register_operation("add_unique_online")
class AddUniqueOnlineOp(MigrateOperation):
    """A unique constraint on a table that holds rows."""

    def __init__(  # noqa: PLR0913  # as many as Alembic's own
        self,
        constraint_name: str,
        table_name: str,
        columns: Sequence[str],
        *,
        nulls_not_distinct: bool = False,
        deferrable: bool | None = None,
        initially: str | None = None,
        replace: bool = False,
        schema: str | None = None,
    ) -> None:
        self.constraint_name = constraint_name
        self.table_name = table_name
        self.columns = tuple(columns)
        self.nulls_not_distinct = nulls_not_distinct
        self.deferrable = deferrable
        self.initially = initially
        self.replace = replace
        self.schema = schema

    @classmethod
    def add_unique_online(  # noqa: PLR0913  # as many as Alembic's own
        cls,
        operations: Operations,
        constraint_name: str,
        table_name: str,
        columns: Sequence[str],
        *,
        nulls_not_distinct: bool = False,
        deferrable: bool | None = None,
        initially: str | None = None,
        replace: bool = False,
        schema: str | None = None,
    ) -> None:
        """Add a unique constraint from an index that is built CONCURRENTLY. An equal constraint is kept.

        `initially` is 'DEFERRED' or 'IMMEDIATE'. With `replace` it replaces the constraint or index that has its name,
        which is dropped in the transaction that adds this one. Raises RefusedError with the number and keys of
        duplicate rows, UsageError where another object has the name; nothing is changed then.
        """
        op = cls(
            constraint_name, table_name, columns,
            nulls_not_distinct=nulls_not_distinct, deferrable=deferrable, initially=initially, replace=replace,
            schema=schema,
        )  # fmt: skip
        operations.invoke(op)

    def reverse(self) -> DropConstraintOnlineOp:
        """Return the operation that drops the constraint."""
        return DropConstraintOnlineOp(self.constraint_name, self.table_name, inverse=self)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` prints."""
        return ("add_constraint", self.table_name, self.constraint_name, self.columns)

    def index(self, name: str) -> CreateIndexOnlineOp:
        """Return the operation that builds the index of the constraint, under `name`."""
        index = CreateIndexOnlineOp(name, self.table_name, self.columns, unique=True)
        if self.nulls_not_distinct:
            index.kw["postgresql_nulls_not_distinct"] = True
        return index

    @property
    def deferrability(self) -> sql.SQL:
        """The deferrability as SQL. Raises UsageError for an unknown `initially`."""
        initially = (self.initially or "").upper()
        if initially not in TIMES:
            raise UsageError(
                f"A unique constraint knows no initially={self.initially!r}.", "Say DEFERRED or IMMEDIATE."
            )
        deferrable = " deferrable" if self.deferrable or initially == "DEFERRED" else ""
        return sql.SQL(f"{deferrable} initially {initially}" if initially else deferrable)


@Operations.implementation_for(AddUniqueOnlineOp)
def _add(operations: Operations, op: AddUniqueOnlineOp) -> None:
    name = target_table.valid_name(op.constraint_name, op.schema)
    attach = _attach(op, name)
    with Steps(operations) as steps:
        temporary = constraint_specs.replacement_name(steps, name)
        if steps.offline:
            printed_index.print_build(steps, op.index(temporary if op.replace else name))
            if op.replace:
                steps.run_in_transaction(*_replace(op, temporary))
            else:
                steps.run(constraint_specs.if_missing(op.table_name, name, attach))
            return
        table = target_table.find(steps, op.table_name)
        table.require_columns(op.columns)
        existing = constraint_specs.find(steps, table, name)
        definition = _definition(steps, table, op) if existing is not None else ""
        another = op.replace and existing is None and index_builder.is_another(steps, table, op.index(name))
        if existing is None and not another:
            index_builder.ensure(steps, table, op.index(name))
            steps.run(attach)
        elif existing is not None and existing.definition == definition:
            return
        elif existing is not None and not op.replace:
            raise target_table.name_taken(name, existing.definition, definition)
        else:
            constraint_specs.refuse_if_referenced(steps, table, name)
            published_tables.refuse_lost_rule(steps.context, table.name, name)
            index_builder.ensure(steps, table, op.index(temporary))
            steps.run_in_transaction(*_replace(op, temporary))


def _attach(op: AddUniqueOnlineOp, index: str) -> sql.Composed:
    return sql.SQL("alter table {} add constraint {} unique using index {}{}").format(
        sql.Identifier(op.table_name), sql.Identifier(op.constraint_name), sql.Identifier(index), op.deferrability
    )


def _replace(op: AddUniqueOnlineOp, index: str) -> tuple[sql.Composed, ...]:
    """Return the statements that drop the old constraint or index and add the new one from its `index`, together."""
    name = sql.Identifier(op.constraint_name)
    drop = constraint_specs.DROP.format(table=sql.Identifier(op.table_name), name=name)
    return drop, printed_index.DROP_BRIEFLY.format(name), _attach(op, index)


def _definition(steps: Steps, table: Table, op: AddUniqueOnlineOp) -> str:
    columns = sql.SQL(", ").join(sql.Identifier(column) for column in op.columns)
    nulls = sql.SQL(" nulls not distinct" if op.nulls_not_distinct else "")
    body = sql.SQL("unique{} ({}){}").format(nulls, columns, op.deferrability)
    return canonical_ddl.constraint(steps, table, op.constraint_name, body)


@renderers.dispatch_for(AddUniqueOnlineOp)
def _render(context: AutogenContext, op: AddUniqueOnlineOp) -> str:
    return call(
        context, "add_unique_online", op.constraint_name, op.table_name, op.columns,
        nulls_not_distinct=op.nulls_not_distinct, deferrable=op.deferrable, initially=op.initially,
        replace=op.replace,
    )  # fmt: skip
