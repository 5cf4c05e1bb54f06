"""`op.add_foreign_key_online`: adds a foreign key NOT VALID under a brief lock on both tables, then validates it."""

from collections.abc import Sequence
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation
from psycopg import sql

from surefoot.errors import UsageError
from surefoot.online import target_table, violations
from surefoot.online.constraints import constraint_specs
from surefoot.online.constraints.check_constraints import DropConstraintOnlineOp
from surefoot.online.constraints.constraint_specs import ConstraintSpec
from surefoot.online.executor import Steps
from surefoot.online.rendering import call
from surefoot.online.target_table import Table

ACTIONS = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT")
TIMES = ("DEFERRED", "IMMEDIATE")

DEFINITION = """
select format(
           'FOREIGN KEY (%s) REFERENCES %s(%s)',
           (select string_agg(quote_ident(name), ', ' order by place)
              from unnest(cast(:local as text[])) with ordinality as part (name, place)),
           cast(:referent as oid)::regclass,
           (select string_agg(quote_ident(name), ', ' order by place)
              from unnest(cast(:remote as text[])) with ordinality as part (name, place))
       ) as definition
"""
"""As pg_get_constraintdef prints it. `canonical_ddl` cannot: a temporary table may not reference a permanent one."""

ORPHAN = sql.SQL("{known} and not exists (select from {referent} where {pairs})")


@Operations.register_operation("add_foreign_key_online")
class AddForeignKeyOnlineOp(MigrateOperation):
    """A foreign key on a table that holds rows."""

    def __init__(  # noqa: PLR0913  # as many as Alembic's own
        self,
        constraint_name: str,
        source_table: str,
        referent_table: str,
        local_cols: Sequence[str],
        remote_cols: Sequence[str],
        *,
        ondelete: str | None = None,
        onupdate: str | None = None,
        deferrable: bool | None = None,
        initially: str | None = None,
        replace: bool = False,
        schema: str | None = None,
    ) -> None:
        self.constraint_name = constraint_name
        self.source_table = source_table
        self.referent_table = referent_table
        self.local_cols = tuple(local_cols)
        self.remote_cols = tuple(remote_cols)
        self.ondelete = ondelete
        self.onupdate = onupdate
        self.deferrable = deferrable
        self.initially = initially
        self.replace = replace
        self.schema = schema

    @classmethod
    def add_foreign_key_online(  # noqa: PLR0913, PLR0917  # as many as Alembic's own
        cls,
        operations: Operations,
        constraint_name: str,
        source_table: str,
        referent_table: str,
        local_cols: Sequence[str],
        remote_cols: Sequence[str],
        *,
        ondelete: str | None = None,
        onupdate: str | None = None,
        deferrable: bool | None = None,
        initially: str | None = None,
        replace: bool = False,
        schema: str | None = None,
    ) -> None:
        """Add a foreign key: NOT VALID under brief locks, then validated while others work. An equal valid one is kept.

        `ondelete`, `onupdate` and `initially` are SQL keywords in any case. With `replace` it replaces the constraint
        that has its name, which is dropped once the new one is valid. Raises RefusedError with the number and keys of
        orphaned rows, UsageError where another constraint has the name; nothing is changed then.
        """
        op = cls(
            constraint_name, source_table, referent_table, local_cols, remote_cols,
            ondelete=ondelete, onupdate=onupdate, deferrable=deferrable, initially=initially, replace=replace,
            schema=schema,
        )  # fmt: skip
        operations.invoke(op)

    def reverse(self) -> DropConstraintOnlineOp:
        """Return the operation that drops the constraint."""
        return DropConstraintOnlineOp(self.constraint_name, self.source_table, inverse=self)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` prints."""
        return ("add_fk", self.source_table, self.constraint_name, self.referent_table)

    @property
    def options(self) -> str:
        """Return the actions and deferrability as PostgreSQL prints them. Raises UsageError for an unknown keyword."""
        return "".join(
            (
                _keyword(self.onupdate, ACTIONS, " ON UPDATE {}", default="NO ACTION"),
                _keyword(self.ondelete, ACTIONS, " ON DELETE {}", default="NO ACTION"),
                " DEFERRABLE" if self.deferrable or (self.initially or "").upper() == "DEFERRED" else "",
                _keyword(self.initially, TIMES, " INITIALLY {}", default="IMMEDIATE"),
            )
        )


@Operations.implementation_for(AddForeignKeyOnlineOp)
def _add(operations: Operations, op: AddForeignKeyOnlineOp) -> None:
    name = target_table.valid_name(op.constraint_name, op.schema)
    if not op.local_cols or len(op.local_cols) != len(op.remote_cols):
        raise UsageError(
            f"Foreign key {name} has {len(op.local_cols)} columns here and {len(op.remote_cols)} there.",
            "Name as many columns on both sides; nothing was changed.",
        )
    with Steps(operations) as steps:
        if steps.offline:
            constraint_specs.print_validated(steps, op.source_table, name, _body(op), replace=op.replace)
            return
        table = target_table.find(steps, op.source_table)
        referent = table if op.referent_table == op.source_table else target_table.find(steps, op.referent_table)
        table.require_columns(op.local_cols)
        referent.require_columns(op.remote_cols)
        constraint_specs.add_validated(steps, table, constraint_spec(steps, op, table, referent), replace=op.replace)


def constraint_spec(steps: Steps, op: AddForeignKeyOnlineOp, table: Table, referent: Table) -> ConstraintSpec:
    """Return the foreign key on `table` with the queries that find its orphans and its definition."""
    name, orphan = op.constraint_name, _orphan(op, referent)
    columns = {"local": list(op.local_cols), "referent": referent.oid, "remote": list(op.remote_cols)}
    return ConstraintSpec(
        name,
        _body(op),
        find_violations=lambda: violations.find(steps, table, orphan, f"{name} on {table.name}"),
        read_definition=lambda: str(steps.fetch(DEFINITION, **columns)[0].definition) + op.options,
        locks_second_table=referent.oid != table.oid,
    )


def _body(op: AddForeignKeyOnlineOp) -> sql.Composed:
    return sql.SQL("foreign key ({}) references {} ({}){}").format(
        _list(op.local_cols), sql.Identifier(op.referent_table), _list(op.remote_cols), sql.SQL(op.options)
    )


def _orphan(op: AddForeignKeyOnlineOp, referent: Table) -> sql.Composed:
    """Return the condition for an orphaned row. One with a NULL in its columns is none (MATCH SIMPLE)."""
    here = [sql.Identifier(op.source_table, column) for column in op.local_cols]
    there = [sql.Identifier("ourschool_found", column) for column in op.remote_cols]
    return ORPHAN.format(
        known=sql.SQL(" and ").join(sql.SQL("{} is not null").format(column) for column in here),
        referent=referent.row_source_as(sql.Identifier("ourschool_found")),
        pairs=sql.SQL(" and ").join(
            sql.SQL("{} = {}").format(other, column) for other, column in zip(there, here, strict=True)
        ),
    )


def _list(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column) for column in columns)


def _keyword(given: str | None, known: Sequence[str], words: str, *, default: str) -> str:
    """Return `words` with the given keyword; empty for the default, which PostgreSQL does not print."""
    keyword = " ".join((given or default).upper().split())
    if keyword not in known:
        raise UsageError(f"A foreign key knows no {given!r}, only {', '.join(known)}.", "Correct it in the revision.")
    return "" if keyword == default else words.format(keyword)


@renderers.dispatch_for(AddForeignKeyOnlineOp)
def _render(context: AutogenContext, op: AddForeignKeyOnlineOp) -> str:
    return call(
        context, "add_foreign_key_online",
        op.constraint_name, op.source_table, op.referent_table, op.local_cols, op.remote_cols,
        ondelete=op.ondelete, onupdate=op.onupdate, deferrable=op.deferrable, initially=op.initially,
        replace=op.replace,
    )  # fmt: skip
