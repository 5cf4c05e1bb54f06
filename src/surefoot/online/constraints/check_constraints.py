"""`op.add_check_online`, which adds NOT VALID and then validates, and `op.drop_constraint_online` for any kind."""

from typing import Any

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation
from psycopg import sql

from surefoot.online import canonical_ddl, published_tables, target_table, violations
from surefoot.online.constraints import constraint_specs
from surefoot.online.constraints.constraint_specs import ConstraintSpec
from surefoot.online.executor import Steps
from surefoot.online.rendering import call
from surefoot.online.target_table import Table


@Operations.register_operation("add_check_online")
class AddCheckOnlineOp(MigrateOperation):
    """A CHECK on a table that holds rows. `condition` is SQL text or a SQLAlchemy expression."""

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
        """Add a CHECK: NOT VALID under a brief lock, then validated while others work. An equal valid one is kept.

        With `replace` it replaces the constraint that has its name, which is dropped once the new one is valid. Raises
        RefusedError with the number and keys of the rows that violate it, UsageError where another constraint has the
        name; nothing is changed then.
        """
        operations.invoke(cls(constraint_name, table_name, condition, replace=replace, schema=schema))

    def reverse(self) -> "DropConstraintOnlineOp":
        """Return the operation that drops the constraint."""
        return DropConstraintOnlineOp(self.constraint_name, self.table_name, inverse=self)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` prints."""
        return ("add_constraint", self.table_name, self.constraint_name, self.condition)


@Operations.register_operation("drop_constraint_online")
class DropConstraintOnlineOp(MigrateOperation):
    """The removal of a constraint of any kind. `inverse` is the operation that adds it again, where it is known."""

    def __init__(
        self,
        constraint_name: str,
        table_name: str,
        *,
        schema: str | None = None,
        inverse: MigrateOperation | None = None,
    ) -> None:
        self.constraint_name = constraint_name
        self.table_name = table_name
        self.schema = schema
        self.inverse = inverse

    @classmethod
    def drop_constraint_online(
        cls, operations: Operations, constraint_name: str, table_name: str, *, schema: str | None = None
    ) -> None:
        """Drop a constraint under a brief lock, which is retried; do nothing where there is none of that name.

        Raises UsageError where a foreign key references the constraint.
        """
        operations.invoke(cls(constraint_name, table_name, schema=schema))

    def reverse(self) -> MigrateOperation:
        """Return the operation that adds it again. Raises ValueError where that is not known, as Alembic's own do."""
        if self.inverse is None:
            raise ValueError(f"nothing tells how constraint {self.constraint_name} is added again")
        return self.inverse

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` prints."""
        return ("remove_constraint", self.table_name, self.constraint_name)


@Operations.implementation_for(AddCheckOnlineOp)
def _add(operations: Operations, op: AddCheckOnlineOp) -> None:
    name = target_table.valid_name(op.constraint_name, op.schema)
    with Steps(operations) as steps:
        if steps.offline:
            body = sql.SQL("check ({})").format(sql.SQL(op.condition))
            constraint_specs.print_validated(steps, op.table_name, name, body, replace=op.replace)
            return
        table = target_table.find(steps, op.table_name)
        constraint_specs.add_validated(steps, table, constraint_spec(steps, op, table), replace=op.replace)


def constraint_spec(steps: Steps, op: AddCheckOnlineOp, table: Table) -> ConstraintSpec:
    """Return the CHECK on `table` with the queries that find its violations and its definition."""
    name, condition = op.constraint_name, sql.SQL(op.condition)
    body, violation = sql.SQL("check ({})").format(condition), sql.SQL("not ({})").format(condition)
    return ConstraintSpec(
        name,
        body,
        find_violations=lambda: violations.find(steps, table, violation, f"{name} on {table.name}"),
        read_definition=lambda: canonical_ddl.constraint(steps, table, name, body),
    )


@Operations.implementation_for(DropConstraintOnlineOp)
def _drop(operations: Operations, op: DropConstraintOnlineOp) -> None:
    name = target_table.valid_name(op.constraint_name, op.schema)
    with Steps(operations) as steps:
        statement = constraint_specs.DROP.format(table=sql.Identifier(op.table_name), name=sql.Identifier(name))
        if steps.offline:
            steps.run(statement)
            return
        table = target_table.find(steps, op.table_name)
        existing = constraint_specs.find(steps, table, name)
        if existing is None:
            return
        constraint_specs.refuse_if_referenced(steps, table, name)
        published_tables.refuse_lost_rule(steps.context, table.name, name)
        constraint_specs.run_briefly(steps, statement, locks_second_table=existing.is_foreign_key)


@renderers.dispatch_for(AddCheckOnlineOp)
def _render_add(context: AutogenContext, op: AddCheckOnlineOp) -> str:
    return call(context, "add_check_online", op.constraint_name, op.table_name, op.condition, replace=op.replace)


@renderers.dispatch_for(DropConstraintOnlineOp)
def _render_drop(context: AutogenContext, op: DropConstraintOnlineOp) -> str:
    return call(context, "drop_constraint_online", op.constraint_name, op.table_name)


def _text(condition: str | sa.ColumnElement[Any] | sa.TextClause) -> str:
    if isinstance(condition, str):
        return condition
    target_table.refuse_parameters(condition)
    # psycopg's own paramstyle, pyformat, would double every percent sign
    dialect: Any = sa.make_url("postgresql+psycopg://").get_dialect()
    return str(
        condition.compile(
            dialect=dialect(paramstyle="named"), compile_kwargs={"literal_binds": True, "include_table": False}
        )
    )
