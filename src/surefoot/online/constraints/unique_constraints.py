"""`op.add_unique_online`: duplicates counted, a unique index built concurrently, then made a constraint."""

from collections.abc import Sequence
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation
from psycopg import sql

from surefoot.errors import UsageError
from surefoot.online import canonical_ddl, target_table
from surefoot.online.constraints import constraint_specs
from surefoot.online.constraints.check_constraints import DropConstraintOnlineOp
from surefoot.online.executor import Steps
from surefoot.online.indexes import index_builder
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
        """Add a unique constraint without stopping anybody for longer than an instant; an equal one is left alone.

        With `replace` it takes the place of the constraint that has its name, which goes when this one stands.
        Raises RefusedError with the number and the keys of rows that are there twice, UsageError where something else
        has the name; nothing is changed then.
        """
        op = cls(
            constraint_name, table_name, columns,
            nulls_not_distinct=nulls_not_distinct, deferrable=deferrable, initially=initially, replace=replace,
            schema=schema,
        )  # fmt: skip
        operations.invoke(op)

    def reverse(self) -> DropConstraintOnlineOp:
        """Drop it again."""
        return DropConstraintOnlineOp(self.constraint_name, self.table_name, back=self)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """As `alembic check` lists it."""
        return ("add_constraint", self.table_name, self.constraint_name, self.columns)

    def index(self, name: str) -> CreateIndexOnlineOp:
        """The index that the constraint will use, and give its own name."""
        index = CreateIndexOnlineOp(name, self.table_name, self.columns, unique=True)
        if self.nulls_not_distinct:
            index.kw["postgresql_nulls_not_distinct"] = True
        return index

    @property
    def when(self) -> sql.SQL:
        """When it is checked, as SQL. Raises UsageError for what PostgreSQL does not know."""
        initially = (self.initially or "").upper()
        if initially not in TIMES:
            raise UsageError(
                f"A unique constraint knows no initially={self.initially!r}.", "Say DEFERRED or IMMEDIATE."
            )
        deferrable = " deferrable" if self.deferrable or initially == "DEFERRED" else ""
        return sql.SQL(f"{deferrable} initially {initially}" if initially else deferrable)


@Operations.implementation_for(AddUniqueOnlineOp)
def add(operations: Operations, op: AddUniqueOnlineOp) -> None:
    """Build the index, then hang the constraint on it."""
    name = target_table.plainly(op.constraint_name, op.schema)
    attach = _attach(op, name)
    with Steps(operations) as steps:
        beside = constraint_specs.beside(steps, name)
        if steps.offline:
            index_builder.print_build(steps, op.index(beside if op.replace else name))
            if op.replace:
                steps.together(*_in_its_place(op, beside))
            else:
                steps.run(constraint_specs.if_missing(op.table_name, name, attach))
            return
        table = target_table.find(steps, op.table_name)
        table.needs(op.columns)
        there = constraint_specs.find(steps, table, name)
        definition = _definition(steps, table, op) if there is not None else ""
        if there is None:
            index_builder.ensure(steps, table, op.index(name))
            steps.run(attach)
        elif there.definition == definition:
            return
        elif not op.replace:
            raise target_table.taken(name, there.definition, definition)
        else:
            constraint_specs.refuse_needed(steps, table, name)
            index_builder.ensure(steps, table, op.index(beside))
            steps.together(*_in_its_place(op, beside))


def _attach(op: AddUniqueOnlineOp, index: str) -> sql.Composed:
    return sql.SQL("alter table {} add constraint {} unique using index {}{}").format(
        sql.Identifier(op.table_name), sql.Identifier(op.constraint_name), sql.Identifier(index), op.when
    )


def _in_its_place(op: AddUniqueOnlineOp, beside: str) -> tuple[sql.Composed, sql.Composed]:
    """The old one goes and the new one, whose index is built, has its name at once."""
    drop = constraint_specs.DROP.format(table=sql.Identifier(op.table_name), name=sql.Identifier(op.constraint_name))
    return drop, _attach(op, beside)


def _definition(steps: Steps, table: Table, op: AddUniqueOnlineOp) -> str:
    columns = sql.SQL(", ").join(sql.Identifier(column) for column in op.columns)
    nulls = sql.SQL(" nulls not distinct" if op.nulls_not_distinct else "")
    body = sql.SQL("unique{} ({}){}").format(nulls, columns, op.when)
    return canonical_ddl.constraint(steps, table, op.constraint_name, body)


@renderers.dispatch_for(AddUniqueOnlineOp)
def _render(context: AutogenContext, op: AddUniqueOnlineOp) -> str:
    return call(
        context, "add_unique_online", op.constraint_name, op.table_name, op.columns,
        nulls_not_distinct=op.nulls_not_distinct, deferrable=op.deferrable, initially=op.initially,
        replace=op.replace,
    )  # fmt: skip
