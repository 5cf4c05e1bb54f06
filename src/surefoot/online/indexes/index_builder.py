"""Create and drop indexes CONCURRENTLY; the INVALID index of an interrupted build is dropped first."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from psycopg import sql

from surefoot import private_members
from surefoot.catalogue import normalise
from surefoot.errors import UsageError
from surefoot.online import canonical_ddl, left_for_later, published_tables, target_table, violations
from surefoot.online.constraints import constraint_specs
from surefoot.online.executor import LONG_LOCK_TIMEOUT, Statement, Steps
from surefoot.online.indexes.index_operations import CreateIndexOnlineOp, DropIndexOnlineOp
from surefoot.online.indexes.printed_index import DROP, print_build, replaced_name, temporary_name
from surefoot.online.target_table import Table
from surefoot.runtime import work_queue
from surefoot.runtime.work_queue import NewEntry

FIND = """
select c.relkind,
       i.indrelid as table_oid,
       i.indrelid::regclass::text as table_name,
       i.indisvalid and i.indisready and i.indislive as valid,
       k.conname as constraint,
       case when i.indexrelid is not null then pg_get_indexdef(c.oid, 0, true) end as definition
  from pg_class c
  left join pg_index i
    on i.indexrelid = c.oid
  left join pg_constraint k
    on k.conindid = c.oid
   and k.conrelid = i.indrelid
   and k.contype in ('p', 'u', 'x')
 where c.relnamespace = quote_ident(current_schema())::regnamespace
   and c.relname = :name
"""


@dataclass(frozen=True)
class ExistingRelation:
    """The relation that has the name of an index."""

    what: str
    """For error messages: the definition of an index, else the kind of relation."""
    table: int | None
    """The oid of the index's table; None where it is no index."""
    shape: str
    """The definition without the table's name, normalised."""
    valid: bool
    constraint: str | None
    """The name of the constraint that the index serves."""


@Operations.implementation_for(CreateIndexOnlineOp)
def _create(operations: Operations, op: CreateIndexOnlineOp) -> None:
    target_table.valid_name(op.index_name or "", op.schema)
    for each in (*op.columns, *op.kw.values()):
        target_table.refuse_parameters(each)
    if op.later and op.replace:
        raise UsageError(
            f"Index {op.index_name} is to replace another one later, and until then there would be no telling which.",
            "Leave out later=True or replace=True; nothing was changed.",
        )
    with Steps(operations) as steps:
        if steps.offline:
            if op.later:
                left_for_later.print_remark(steps)
            print_build(steps, op)
            return
        table = target_table.find(steps, op.table_name)
        table.require_columns(column for column in op.columns if isinstance(column, str))
        if op.later and left_for_later.can_wait(steps, table):
            _leave(steps, table, op)
        else:
            ensure(steps, table, op)


@Operations.implementation_for(DropIndexOnlineOp)
def _drop(operations: Operations, op: DropIndexOnlineOp) -> None:
    name = target_table.valid_name(op.index_name, op.schema)
    with Steps(operations) as steps:
        if not steps.offline and not _must_drop(steps, op):
            return
        published_tables.refuse_lost_rule(steps.context, op.table_name, name)
        with target_table.reporting_usage_errors(f"the end of index {name}"):
            steps.run(DROP.format(sql.Identifier(name)))


def ensure(steps: Steps, table: Table, op: CreateIndexOnlineOp) -> None:
    """Build the index unless an equal valid one is there.

    Raises UsageError where another object has its name, or another index where `op` does not replace it.
    """
    name = str(op.index_name)
    existing = find(steps, name)
    if existing is None or (existing.table == table.oid and not existing.valid):
        build(steps, table, op)
        return
    shape = canonical_index(steps, table, op).shape
    if (existing.table, existing.shape, existing.constraint) != (table.oid, shape, None):
        if not op.replace or existing.table != table.oid:
            raise target_table.name_taken(name, existing.what, shape.replace(" USING ", f" ON {table.name} USING ", 1))
        published_tables.refuse_lost_rule(steps.context, table.name, name)
        _replace(steps, table, op, shape, existing.constraint)
    if op.replace and existing.constraint is None:
        steps.run(DROP.format(sql.Identifier(replaced_name(steps, name))))


def _leave(steps: Steps, table: Table, op: CreateIndexOnlineOp) -> None:
    """Leave the index for later unless an equal valid one is there. Raises UsageError where its name is taken."""
    name = str(op.index_name)
    existing, shape = find(steps, name), canonical_index(steps, table, op).shape
    if existing is not None and (existing.table != table.oid or existing.valid):
        if (existing.table, existing.shape, existing.constraint) != (table.oid, shape, None):
            raise target_table.name_taken(name, existing.what, shape.replace(" USING ", f" ON {table.name} USING ", 1))
        return
    left_for_later.leave(steps, NewEntry(work_queue.INDEX, name, {
        "table": table.name, "unique": bool(op.unique), "definition": shape.partition(" USING ")[2],
        "create": _text(steps, op.index(steps.context)),
        "create_concurrently": _text(steps, op.index(steps.context, postgresql_concurrently=True)),
    }))  # fmt: skip


def _text(steps: Steps, index: sa.Index) -> str:
    """Return CREATE INDEX as SQL text, which needs no revision file to be run."""
    dialect = steps.connection.dialect
    with private_members.single_percent_signs(dialect):
        return str(sa.schema.CreateIndex(index).compile(dialect=dialect))


def build_as_queued(steps: Steps, name: str, arguments: Mapping[str, Any]) -> None:
    """Build the index that `_leave` queued under `name` with these `arguments`, unless an equal valid one is there.

    Raises UsageError where another object has its name, RefusedError where a unique index finds duplicate rows.
    """
    table = target_table.find(steps, arguments["table"])
    canonical = canonical_ddl.index(steps, table, name, arguments["create"])
    existing = find(steps, name)
    if existing is None or (existing.table == table.oid and not existing.valid):
        keys = canonical if arguments["unique"] else None
        _build(steps, table, name, arguments["create_concurrently"], keys)
    elif (existing.table, existing.shape, existing.constraint) != (table.oid, canonical.shape, None):
        raise target_table.name_taken(name, existing.what, arguments["create"])


def is_another(steps: Steps, table: Table, op: CreateIndexOnlineOp) -> bool:
    """Return whether another index of the table than `op` builds has its name."""
    existing = find(steps, str(op.index_name))
    if existing is None or existing.table != table.oid:
        return False
    return existing.shape != canonical_index(steps, table, op).shape


def _replace(steps: Steps, table: Table, op: CreateIndexOnlineOp, shape: str, constraint: str | None) -> None:
    """Build the index under another name, then exchange the names in one transaction.

    A `constraint` that the other index serves is dropped in that transaction.
    """
    name = str(op.index_name)
    if constraint is not None:
        constraint_specs.refuse_if_referenced(steps, table, constraint)
    temporary = temporary_name(steps, name)
    leftover = find(steps, temporary)
    if leftover is not None and leftover.shape != shape:
        steps.run(DROP.format(sql.Identifier(temporary)))
    ensure(steps, table, op.renamed(temporary))
    rename = sql.SQL("alter index {} rename to {}")
    away = rename.format(sql.Identifier(name), sql.Identifier(replaced_name(steps, name)))
    if constraint is not None:
        away = constraint_specs.DROP.format(table=table.identifier, name=sql.Identifier(constraint))
    steps.run_in_transaction(away, rename.format(sql.Identifier(temporary), sql.Identifier(name)))


def find(steps: Steps, name: str) -> ExistingRelation | None:
    """Return the relation called `name` in the first schema of search_path; None where the name is free."""
    for row in steps.fetch(FIND, name=name):
        if row.table_oid is None:
            return ExistingRelation(
                f"a {target_table.RELATION_KINDS.get(row.relkind, 'relation')}", None, "", False, None
            )
        shape = normalise.expression(row.definition.replace(f" ON {row.table_name} USING ", " USING ", 1))
        serving = f", which serves constraint {row.constraint}" if row.constraint else ""
        return ExistingRelation(f"{row.definition}{serving}", row.table_oid, shape, bool(row.valid), row.constraint)
    return None


def canonical_index(steps: Steps, table: Table, op: CreateIndexOnlineOp) -> canonical_ddl.Index:
    """Return the index of `op` as PostgreSQL prints it. Raises UsageError where PostgreSQL refuses it."""
    create = sa.schema.CreateIndex(op.index(steps.context))
    return canonical_ddl.index(steps, table, str(op.index_name), create)


def build(steps: Steps, table: Table, op: CreateIndexOnlineOp) -> None:
    """Drop an INVALID index of its name, and build the index; drop it where the build fails.

    Raises RefusedError with the duplicate rows where a unique index finds some.
    """
    name = str(op.index_name)
    create = sa.schema.CreateIndex(op.index(steps.context, postgresql_concurrently=True))
    _build(steps, table, name, create, canonical_index(steps, table, op) if op.unique else None)


def _build(steps: Steps, table: Table, name: str, create: Statement, keys: canonical_ddl.Index | None) -> None:
    def work() -> None:
        drop_invalid(steps, table, name)
        # SHARE UPDATE EXCLUSIVE and the wait for older transactions block no reader or writer
        with steps.lock_timeout(LONG_LOCK_TIMEOUT):
            steps.execute(create)

    refuse_duplicates(steps, table, name, keys)
    try:
        with target_table.reporting_usage_errors(f"index {name} on {table.name}"):
            steps.retry_on_lock(work)
    except BaseException as fault:
        with suppress(sa.exc.DBAPIError):
            if not steps.connection.invalidated:
                drop_invalid(steps, table, name)
        if isinstance(fault, sa.exc.IntegrityError):
            refuse_duplicates(steps, table, name, keys)
            raise violations.vanished_violation(table, f"unique index {name}") from fault
        raise


def drop_invalid(steps: Steps, table: Table, name: str) -> None:
    """Drop an INVALID index of that name on `table`, which an interrupted build or drop has left."""
    existing = find(steps, name)
    if existing is not None and existing.table == table.oid and not existing.valid:
        steps.execute(DROP.format(sql.Identifier(name)))


def refuse_duplicates(steps: Steps, table: Table, name: str, index: canonical_ddl.Index | None) -> None:
    """Raise RefusedError where rows of `table` violate the unique `index`; None stands for one that is not unique."""
    if index is not None:
        violations.refuse(violations.find_duplicates(steps, table, index), table, f"unique index {name}")


def _must_drop(steps: Steps, op: DropIndexOnlineOp) -> bool:
    """Return whether there is an index to drop.

    Raises UsageError where the name is that of another object, or the index serves a constraint.
    """
    name, existing = op.index_name, find(steps, op.index_name)
    if existing is None and op.if_exists:
        return False
    if existing is None:
        wrong = f"There is no index {name!r}"
    elif existing.table is None:
        wrong = f"{name!r} is {existing.what}, not an index"
    elif existing.constraint:
        wrong = f"Index {name} serves constraint {existing.constraint}, which op.drop_constraint_online drops"
    elif op.table_name and target_table.find(steps, op.table_name).oid != existing.table:
        wrong = f"Index {name} is not one of {op.table_name}: {existing.what}"
    else:
        target_table.refuse_inheritance(steps, existing.table)
        return True
    raise UsageError(f"{wrong}.", "Correct the revision; nothing was changed.")
