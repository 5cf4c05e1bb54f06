"""The directives `op.create_index_online` and `op.drop_index_online`, and how autogenerate writes them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import Operations
from alembic.operations.ops import CreateIndexOp, MigrateOperation
from alembic.runtime.migration import MigrationContext

from surefoot.online.rendering import call

Key = str | sa.TextClause | sa.ColumnElement[Any]


@Operations.register_operation("create_index_online")
class CreateIndexOnlineOp(CreateIndexOp):
    """An index built beside the users' work; with `replace` in the place of another one of its name."""

    replace = False

    @classmethod
    def create_index_online(  # noqa: PLR0913  # as many as Alembic's own
        cls,
        operations: Operations,
        index_name: str,
        table_name: str,
        columns: Sequence[Key],
        *,
        unique: bool = False,
        replace: bool = False,
        schema: str | None = None,
        **dialect_kw: Any,
    ) -> None:
        """Build an index without stopping anybody; an equal one that is there is left alone, an INVALID one is not.

        `columns` are names, or expressions as `sa.text(...)`; `dialect_kw` are SQLAlchemy's `postgresql_where`,
        `postgresql_using`, `postgresql_include` and the like. With `unique`, rows that are there twice are counted
        and sampled first. With `replace` another index of that table and name goes, once this one is built.
        Raises UsageError where something else has the name, RefusedError for duplicates.
        """
        op = cls(index_name, table_name, columns, unique=unique, schema=schema, **dialect_kw)
        op.replace = replace
        operations.invoke(op)

    def renamed(self, name: str) -> "CreateIndexOnlineOp":
        """The same index under another name."""
        return CreateIndexOnlineOp(name, self.table_name, self.columns, unique=bool(self.unique), **self.kw)

    def reverse(self) -> "DropIndexOnlineOp":  # type: ignore[override]  # ours in place of Alembic's, on purpose
        """Drop it again."""
        return DropIndexOnlineOp(str(self.index_name), self.table_name, back=self)

    def index(self, context: MigrationContext, **more: Any) -> sa.Index:
        """The index as SQLAlchemy has it, with `more` options."""
        options = {**self.kw, **more}
        plain = CreateIndexOp(self.index_name, self.table_name, self.columns, unique=self.unique, **options)
        index = plain.to_index(context)
        assert index.table is not None
        for name in self.kw.get("postgresql_include") or ():
            if name not in index.table.c:  # the table is made of the names in `columns` alone
                index.table.append_column(sa.Column(name, sa.types.NullType()))
        return index


@Operations.register_operation("drop_index_online")
class DropIndexOnlineOp(MigrateOperation):
    """An index dropped beside the users' work. `back` is what builds it again, where somebody knows."""

    def __init__(
        self,
        index_name: str,
        table_name: str | None = None,
        *,
        if_exists: bool = True,
        schema: str | None = None,
        back: CreateIndexOnlineOp | None = None,
    ) -> None:
        self.index_name = index_name
        self.table_name = table_name
        self.if_exists = if_exists
        self.schema = schema
        self.back = back

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
        """Drop an index without stopping anybody; nothing is done where it is gone, unless `if_exists` is False.

        Raises UsageError where the name is that of something else, or `table_name` not that of its table.
        """
        operations.invoke(cls(index_name, table_name, if_exists=if_exists, schema=schema))

    def reverse(self) -> MigrateOperation:
        """Build it again. Raises ValueError where nobody told what it was, as Alembic's own operations do."""
        if self.back is None:
            raise ValueError(f"nothing tells how index {self.index_name} is built again")
        return self.back

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """As `alembic check` lists it."""
        return ("remove_index", self.back.to_index() if self.back else self.index_name)


@renderers.dispatch_for(CreateIndexOnlineOp)
def _render_create(context: AutogenContext, op: CreateIndexOnlineOp) -> str:
    plain = CreateIndexOp(op.index_name, op.table_name, op.columns, unique=op.unique, **op.kw)
    text = renderers.dispatch(plain)(context, plain)
    assert isinstance(text, str)
    text = text.replace("create_index(", "create_index_online(", 1).replace(", unique=False", "", 1)
    return f"{text.removesuffix(')')}, replace=True)" if op.replace else text


@renderers.dispatch_for(DropIndexOnlineOp)
def _render_drop(context: AutogenContext, op: DropIndexOnlineOp) -> str:
    return call(context, "drop_index_online", op.index_name, *([op.table_name] if op.table_name else []))
