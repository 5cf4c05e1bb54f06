"""The directives `op.create_index_online` and `op.drop_index_online`, and how autogenerate renders them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import Operations
from alembic.operations.ops import CreateIndexOp, MigrateOperation
from alembic.runtime.migration import MigrationContext

from surefoot.online.rendering import call

Expression = str | sa.TextClause | sa.ColumnElement[Any]


@Operations.register_operation("create_index_online")
class CreateIndexOnlineOp(CreateIndexOp):
    """An index that is built CONCURRENTLY."""

    replace = False
    """Whether it replaces another index of its name."""
    later = False
    """Whether it is queued, to be built after the deploy."""

    @classmethod
    def create_index_online(  # noqa: PLR0913  # as many as Alembic's own
        cls,
        operations: Operations,
        index_name: str,
        table_name: str,
        columns: Sequence[Expression],
        *,
        unique: bool = False,
        replace: bool = False,
        later: bool = False,
        schema: str | None = None,
        **dialect_kw: Any,
    ) -> None:
        """Build an index CONCURRENTLY. An equal valid index is kept, an INVALID one of its name is dropped first.

        `columns` are names, or expressions as `sa.text(...)`; `dialect_kw` are SQLAlchemy's `postgresql_where`,
        `postgresql_using`, `postgresql_include` and the like. With `replace` another index of that table and name is
        dropped once this one is built. With `later` it is queued, for `surefoot work` to build after the deploy.
        Raises UsageError where another object has the name, RefusedError with the number and keys of duplicate rows
        where it is `unique`.
        """
        op = cls(index_name, table_name, columns, unique=unique, schema=schema, **dialect_kw)
        op.replace, op.later = replace, later
        operations.invoke(op)

    def renamed(self, name: str) -> "CreateIndexOnlineOp":
        """Return the operation for the same index under another name, without `replace`."""
        return CreateIndexOnlineOp(name, self.table_name, self.columns, unique=bool(self.unique), **self.kw)

    def reverse(self) -> "DropIndexOnlineOp":  # type: ignore[override]  # ours in place of Alembic's, on purpose
        """Return the operation that drops the index."""
        return DropIndexOnlineOp(str(self.index_name), self.table_name, inverse=self)

    def index(self, context: MigrationContext, **more: Any) -> sa.Index:
        """Return SQLAlchemy's index, with `more` dialect options."""
        options = {**self.kw, **more}
        plain = CreateIndexOp(self.index_name, self.table_name, self.columns, unique=self.unique, **options)
        index = plain.to_index(context)
        assert index.table is not None
        for name in self.kw.get("postgresql_include") or ():
            if name not in index.table.c:  # Alembic makes the table of `columns` alone
                index.table.append_column(sa.Column(name, sa.types.NullType()))
        return index


@Operations.register_operation("drop_index_online")
class DropIndexOnlineOp(MigrateOperation):
    """The removal of an index. `inverse` is the operation that builds it again, where it is known."""

    def __init__(
        self,
        index_name: str,
        table_name: str | None = None,
        *,
        if_exists: bool = True,
        schema: str | None = None,
        inverse: CreateIndexOnlineOp | None = None,
    ) -> None:
        self.index_name = index_name
        self.table_name = table_name
        self.if_exists = if_exists
        self.schema = schema
        self.inverse = inverse

    @classmethod
    def drop_index_online(
        cls,
        operations: Operations,
        index_name: str,
        table_name: str | None = None,
        *,
        if_exists: bool = True,
        schema: str | None = None,
    ) -> None:
        """Drop an index CONCURRENTLY; do nothing where there is none, unless `if_exists` is False.

        Raises UsageError where the name is that of another object, or the index is not one of `table_name`.
        """
        operations.invoke(cls(index_name, table_name, if_exists=if_exists, schema=schema))

    def reverse(self) -> MigrateOperation:
        """Return the operation that builds it again. Raises ValueError where that is not known, as Alembic's own do."""
        if self.inverse is None:
            raise ValueError(f"nothing tells how index {self.index_name} is built again")
        return self.inverse

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` prints."""
        return ("remove_index", self.inverse.to_index() if self.inverse else self.index_name)


@renderers.dispatch_for(CreateIndexOnlineOp)
def _render_create(context: AutogenContext, op: CreateIndexOnlineOp) -> str:
    plain = CreateIndexOp(op.index_name, op.table_name, op.columns, unique=op.unique, **op.kw)
    text = renderers.dispatch(plain)(context, plain)
    assert isinstance(text, str)
    text = text.replace("create_index(", "create_index_online(", 1).replace(", unique=False", "", 1)
    for name in ("replace", "later"):
        if getattr(op, name):
            text = f"{text.removesuffix(')')}, {name}=True)"
    return text


@renderers.dispatch_for(DropIndexOnlineOp)
def _render_drop(context: AutogenContext, op: DropIndexOnlineOp) -> str:
    return call(context, "drop_index_online", op.index_name, *([op.table_name] if op.table_name else []))
