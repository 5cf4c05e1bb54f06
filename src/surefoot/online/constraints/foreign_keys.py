"""`op.add_foreign_key_online`: orphans counted, added NOT VALID under a short lock on both tables, validated."""

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
from surefoot.online.constraints.constraint_specs import Promise
from surefoot.online.executor import Steps
from surefoot.online.rendering import call
from surefoot.online.target_table import Table

ACTIONS = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT")
TIMES = ("DEFERRED", "IMMEDIATE")

WANTED = """
select format(
           'FOREIGN KEY (%s) REFERENCES %s(%s)',
           (select string_agg(quote_ident(name), ', ' order by place)
              from unnest(cast(:local as text[])) with ordinality as part (name, place)),
           cast(:referent as oid)::regclass,
           (select string_agg(quote_ident(name), ', ' order by place)
              from unnest(cast(:remote as text[])) with ordinality as part (name, place))
       ) as definition
"""
"""As pg_get_constraintdef prints it; a copy of the table cannot be asked, a temporary one may not refer to ours."""

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
        """Add a foreign key without stopping anybody for longer than an instant; an equal valid one is left alone.

        With `replace` it takes the place of the constraint that has its name, which goes when this one stands.
        Raises RefusedError with the number and the keys of rows that point to nothing, UsageError where another
        constraint has the name; nothing is changed then.
        """
        op = cls(
            constraint_name, source_table, referent_table, local_cols, remote_cols,
            ondelete=ondelete, onupdate=onupdate, deferrable=deferrable, initially=initially, replace=replace,
            schema=schema,
        )  # fmt: skip
        operations.invoke(op)

    def reverse(self) -> DropConstraintOnlineOp:
        """Drop it again."""
        return DropConstraintOnlineOp(self.constraint_name, self.source_table, back=self)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """As `alembic check` lists it."""
        return ("add_fk", self.source_table, self.constraint_name, self.referent_table)

    @property
    def options(self) -> str:
        """What follows the columns, as PostgreSQL prints it. Raises UsageError for what it does not know."""
        return "".join(
            (
                _one_of(self.onupdate, ACTIONS, " ON UPDATE {}", unsaid="NO ACTION"),
                _one_of(self.ondelete, ACTIONS, " ON DELETE {}", unsaid="NO ACTION"),
                " DEFERRABLE" if self.deferrable or (self.initially or "").upper() == "DEFERRED" else "",
                _one_of(self.initially, TIMES, " INITIALLY {}", unsaid="IMMEDIATE"),
            )
        )


@Operations.implementation_for(AddForeignKeyOnlineOp)
def add(operations: Operations, op: AddForeignKeyOnlineOp) -> None:
    """Count, add, validate."""
    name = target_table.plainly(op.constraint_name, op.schema)
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
        table.needs(op.local_cols)
        referent.needs(op.remote_cols)
        constraint_specs.add_validated(steps, table, promised(steps, op, table, referent), replace=op.replace)


def promised(steps: Steps, op: AddForeignKeyOnlineOp, table: Table, referent: Table) -> Promise:
    """What the foreign key promises of the rows of `table`."""
    name, orphan = op.constraint_name, _orphan(op, referent)
    columns = {"local": list(op.local_cols), "referent": referent.oid, "remote": list(op.remote_cols)}
    return Promise(
        name,
        _body(op),
        count=lambda: violations.rows(steps, table, orphan, f"{name} on {table.name}"),
        printed=lambda: str(steps.look(WANTED, **columns)[0].definition) + op.options,
        second_lock=referent.oid != table.oid,
    )


def _body(op: AddForeignKeyOnlineOp) -> sql.Composed:
    return sql.SQL("foreign key ({}) references {} ({}){}").format(
        _list(op.local_cols), sql.Identifier(op.referent_table), _list(op.remote_cols), sql.SQL(op.options)
    )


def _orphan(op: AddForeignKeyOnlineOp, referent: Table) -> sql.Composed:
    """What is true of a row that points to nothing; one with a NULL in its columns points nowhere and may."""
    here = [sql.Identifier(op.source_table, column) for column in op.local_cols]
    there = [sql.Identifier("ourschool_found", column) for column in op.remote_cols]
    return ORPHAN.format(
        known=sql.SQL(" and ").join(sql.SQL("{} is not null").format(column) for column in here),
        referent=referent.rows_as(sql.Identifier("ourschool_found")),
        pairs=sql.SQL(" and ").join(
            sql.SQL("{} = {}").format(other, column) for other, column in zip(there, here, strict=True)
        ),
    )


def _list(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column) for column in columns)


def _one_of(given: str | None, known: Sequence[str], words: str, *, unsaid: str) -> str:
    """`words` with what was given; nothing for what PostgreSQL does not print either."""
    said = " ".join((given or unsaid).upper().split())
    if said not in known:
        raise UsageError(f"A foreign key knows no {given!r}, only {', '.join(known)}.", "Correct it in the revision.")
    return "" if said == unsaid else words.format(said)


@renderers.dispatch_for(AddForeignKeyOnlineOp)
def _render(context: AutogenContext, op: AddForeignKeyOnlineOp) -> str:
    return call(
        context, "add_foreign_key_online",
        op.constraint_name, op.source_table, op.referent_table, op.local_cols, op.remote_cols,
        ondelete=op.ondelete, onupdate=op.onupdate, deferrable=op.deferrable, initially=op.initially,
        replace=op.replace,
    )  # fmt: skip
