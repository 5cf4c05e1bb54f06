"""`op.add_check_online`: counted, added NOT VALID, validated; and `op.drop_constraint_online` for every kind."""

from typing import Any

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation
from psycopg import sql

from surefoot.online import canonical_ddl, target_table, violations
from surefoot.online.constraints import constraint_specs
from surefoot.online.constraints.constraint_specs import Promise
from surefoot.online.executor import Steps
from surefoot.online.rendering import call
from surefoot.online.target_table import Table


@Operations.register_operation("add_check_online")
class AddCheckOnlineOp(MigrateOperation):
    """A CHECK on a table that holds rows. `condition` is SQL, as text or as SQLAlchemy has it."""

    def __init__(
        self,
        constraint_name: str,
        table_name: str,
        condition: str | sa.ColumnElement[Any] | sa.TextClause,
        *,
        replace: bool = False,
        schema: str | None = None,
    ) -> None:
        self.constraint_name = constraint_name
        self.table_name = table_name
        self.condition = _text(condition)
        self.replace = replace
        self.schema = schema

    @classmethod
    def add_check_online(  # noqa: PLR0913  # as many as Alembic's own
        cls,
        operations: Operations,
        constraint_name: str,
        table_name: str,
        condition: str | sa.ColumnElement[Any] | sa.TextClause,
        *,
        replace: bool = False,
        schema: str | None = None,
    ) -> None:
        """Add a CHECK without stopping anybody for longer than an instant; an equal valid one is left alone.

        With `replace` it takes the place of the constraint that has its name, which goes when this one stands.
        Raises RefusedError with the number and the keys of rows that break it, UsageError where another constraint
        has the name; nothing is changed then.
        """
        operations.invoke(cls(constraint_name, table_name, condition, replace=replace, schema=schema))

    def reverse(self) -> "DropConstraintOnlineOp":
        """Drop it again."""
        return DropConstraintOnlineOp(self.constraint_name, self.table_name, back=self)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """As `alembic check` lists it."""
        return ("add_constraint", self.table_name, self.constraint_name, self.condition)


@Operations.register_operation("drop_constraint_online")
class DropConstraintOnlineOp(MigrateOperation):
    """A constraint of any kind dropped. `back` is what adds it again, where somebody knows."""

    def __init__(
        self, constraint_name: str, table_name: str, *, schema: str | None = None, back: MigrateOperation | None = None
    ) -> None:
        self.constraint_name = constraint_name
        self.table_name = table_name
        self.schema = schema
        self.back = back

    @classmethod
    def drop_constraint_online(
        cls, operations: Operations, constraint_name: str, table_name: str, *, schema: str | None = None
    ) -> None:
        """Drop a constraint under a brief lock, waited for in short tries; nothing is done where it is gone.

        Raises UsageError where a foreign key of another table needs it.
        """
        operations.invoke(cls(constraint_name, table_name, schema=schema))

    def reverse(self) -> MigrateOperation:
        """Add it again. Raises ValueError where nobody told what it was, as Alembic's own operations do."""
        if self.back is None:
            raise ValueError(f"nothing tells how constraint {self.constraint_name} is added again")
        return self.back

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """As `alembic check` lists it."""
        return ("remove_constraint", self.table_name, self.constraint_name)


@Operations.implementation_for(AddCheckOnlineOp)
def add(operations: Operations, op: AddCheckOnlineOp) -> None:
    """Count, add, validate."""
    name = target_table.plainly(op.constraint_name, op.schema)
    with Steps(operations) as steps:
        if steps.offline:
            body = sql.SQL("check ({})").format(sql.SQL(op.condition))
            constraint_specs.print_validated(steps, op.table_name, name, body, replace=op.replace)
            return
        table = target_table.find(steps, op.table_name)
        constraint_specs.add_validated(steps, table, promised(steps, op, table), replace=op.replace)


def promised(steps: Steps, op: AddCheckOnlineOp, table: Table) -> Promise:
    """What the CHECK promises of the rows of `table`."""
    name, condition = op.constraint_name, sql.SQL(op.condition)
    body, breaking = sql.SQL("check ({})").format(condition), sql.SQL("not ({})").format(condition)
    return Promise(
        name,
        body,
        count=lambda: violations.rows(steps, table, breaking, f"{name} on {table.name}"),
        printed=lambda: canonical_ddl.constraint(steps, table, name, body),
    )


@Operations.implementation_for(DropConstraintOnlineOp)
def drop(operations: Operations, op: DropConstraintOnlineOp) -> None:
    """Drop it, unless it is gone."""
    name = target_table.plainly(op.constraint_name, op.schema)
    with Steps(operations) as steps:
        statement = constraint_specs.DROP.format(table=sql.Identifier(op.table_name), name=sql.Identifier(name))
        if steps.offline:
            steps.run(statement)
            return
        table = target_table.find(steps, op.table_name)
        there = constraint_specs.find(steps, table, name)
        if there is None:
            return
        constraint_specs.refuse_needed(steps, table, name)
        constraint_specs.briefly(steps, statement, second_lock=there.is_foreign_key)


@renderers.dispatch_for(AddCheckOnlineOp)
def _render_add(context: AutogenContext, op: AddCheckOnlineOp) -> str:
    return call(context, "add_check_online", op.constraint_name, op.table_name, op.condition, replace=op.replace)


@renderers.dispatch_for(DropConstraintOnlineOp)
def _render_drop(context: AutogenContext, op: DropConstraintOnlineOp) -> str:
    return call(context, "drop_constraint_online", op.constraint_name, op.table_name)


def _text(condition: str | sa.ColumnElement[Any] | sa.TextClause) -> str:
    if isinstance(condition, str):
        return condition
    target_table.without_parameters(condition)
    # pyformat, psycopg's own, would double every percent sign
    make: Any = sa.make_url("postgresql+psycopg://").get_dialect()
    dialect = make(paramstyle="named")
    return str(condition.compile(dialect=dialect, compile_kwargs={"literal_binds": True, "include_table": False}))
