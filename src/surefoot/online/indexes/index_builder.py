"""How `op.create_index_online` and `op.drop_index_online` work: CONCURRENTLY, and what was cut off is cleared first."""

from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from alembic.operations import Operations
from psycopg import sql

from surefoot.catalogue import normalise
from surefoot.errors import UsageError
from surefoot.online import canonical_ddl, target_table, violations
from surefoot.online.executor import PATIENT, Steps
from surefoot.online.indexes.index_operations import CreateIndexOnlineOp, DropIndexOnlineOp
from surefoot.online.retired_registry import within
from surefoot.online.target_table import Table

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
 where c.relnamespace = current_schema()::regnamespace
   and c.relname = :name
"""
DROP = sql.SQL("drop index concurrently if exists {}")
DROP_INVALID = sql.SQL("""
do $ourschool$
begin
    -- what a build that was cut off left behind; IF NOT EXISTS would take it for the index
    if exists (select from pg_index where indexrelid = to_regclass({text}) and not indisvalid) then
        drop index {name};
    end if;
end
$ourschool$
""")


@dataclass(frozen=True)
class Found:
    """What has the name of an index; it is none where it has no `table`."""

    what: str
    """Its definition, or what else it is."""
    table: int | None
    shape: str
    """Its definition without the table's name."""
    valid: bool
    constraint: str | None
    """The constraint that it serves."""


@Operations.implementation_for(CreateIndexOnlineOp)
def create(operations: Operations, op: CreateIndexOnlineOp) -> None:
    """Build the index beside the users' work, unless an equal one is there."""
    target_table.plainly(op.index_name or "", op.schema)
    for each in (*op.columns, *op.kw.values()):
        target_table.without_parameters(each)
    with Steps(operations) as steps:
        if steps.offline:
            print_build(steps, op)
            return
        table = target_table.find(steps, op.table_name)
        table.needs(column for column in op.columns if isinstance(column, str))
        ensure(steps, table, op)


@Operations.implementation_for(DropIndexOnlineOp)
def drop(operations: Operations, op: DropIndexOnlineOp) -> None:
    """Drop the index beside the users' work; one that an earlier run began to drop as well."""
    name = target_table.plainly(op.index_name, op.schema)
    with Steps(operations) as steps:
        if not steps.offline and not _may_go(steps, op):
            return
        with target_table.asked_right(f"the end of index {name}"):
            steps.run(DROP.format(sql.Identifier(name)))  # stops nobody either, and costs nothing to begin again


def ensure(steps: Steps, table: Table, op: CreateIndexOnlineOp) -> None:
    """Leave an equal valid index alone, else build it. Raises UsageError where something else has its name."""
    name = str(op.index_name)
    there = find(steps, name)
    if there is None or (there.table == table.oid and not there.valid):
        build(steps, table, op)
        return
    shape = wanted_index(steps, table, op).shape
    if (there.table, there.shape, there.constraint) != (table.oid, shape, None):
        if not op.replace or (there.table, there.constraint) != (table.oid, None):
            raise target_table.taken(name, there.what, shape.replace(" USING ", f" ON {table.name} USING ", 1))
        _in_its_place(steps, table, op, shape)
    if op.replace:
        steps.run(DROP.format(sql.Identifier(_gone(steps, name))))


def _in_its_place(steps: Steps, table: Table, op: CreateIndexOnlineOp, shape: str) -> None:
    """Built under a name of its own first, so that there is no moment without one; then names change hands."""
    name = str(op.index_name)
    beside = within(f"ourschool_{steps.revision}_{name}")
    left = find(steps, beside)
    if left is not None and left.shape != shape:
        steps.run(DROP.format(sql.Identifier(beside)))
    ensure(steps, table, op.renamed(beside))
    rename = sql.SQL("alter index {} rename to {}")
    steps.together(
        rename.format(sql.Identifier(name), sql.Identifier(_gone(steps, name))),
        rename.format(sql.Identifier(beside), sql.Identifier(name)),
    )


def _gone(steps: Steps, name: str) -> str:
    """What the index that was replaced is called until it is dropped, which waits for whoever reads by it."""
    return within(f"ourschool_{steps.revision}_gone_{name}")


def find(steps: Steps, name: str) -> Found | None:
    """What is called `name` among the relations of the schema; None where the name is free."""
    for row in steps.look(FIND, name=name):
        if row.table_oid is None:
            return Found(f"a {target_table.KINDS.get(row.relkind, 'relation')}", None, "", False, None)
        shape = normalise.expression(row.definition.replace(f" ON {row.table_name} USING ", " USING ", 1))
        serving = f", which serves constraint {row.constraint}" if row.constraint else ""
        return Found(f"{row.definition}{serving}", row.table_oid, shape, bool(row.valid), row.constraint)
    return None


def wanted_index(steps: Steps, table: Table, op: CreateIndexOnlineOp) -> canonical_ddl.Index:
    """The index of `op` as PostgreSQL prints it."""
    create = sa.schema.CreateIndex(op.index(steps.context))
    return canonical_ddl.index(steps, table, str(op.index_name), create)


def build(steps: Steps, table: Table, op: CreateIndexOnlineOp) -> None:
    """Build the index, once what is INVALID under its name is cleared; leave nothing behind where that fails.

    Raises RefusedError, naming the rows, where it is unique and they are not.
    """
    name = str(op.index_name)
    create = sa.schema.CreateIndex(op.index(steps.context, postgresql_concurrently=True))
    keys = wanted_index(steps, table, op) if op.unique else None

    def work() -> None:
        clear(steps, table, name)
        # neither the first lock, which no reader or writer asks for, nor the wait for older transactions stops anybody
        with steps.waiting(PATIENT):
            steps.execute(create)

    refuse_duplicates(steps, table, name, keys)
    try:
        with target_table.asked_right(f"index {name} on {table.name}"):
            steps.repeat(work)
    except BaseException as fault:
        with suppress(sa.exc.DBAPIError):
            if not steps.connection.invalidated:
                clear(steps, table, name)
        if isinstance(fault, sa.exc.IntegrityError):
            refuse_duplicates(steps, table, name, keys)
            raise violations.passing(table, f"unique index {name}") from fault
        raise


def clear(steps: Steps, table: Table, name: str) -> None:
    """Drop an INVALID index of that name on `table`: what a build, or a drop, that was cut off left behind."""
    there = find(steps, name)
    if there is not None and there.table == table.oid and not there.valid:
        steps.execute(DROP.format(sql.Identifier(name)))


def print_build(steps: Steps, op: CreateIndexOnlineOp) -> None:
    """The same as SQL that psql runs, and may run again; it takes any valid index of that name for the one wanted."""
    name = sql.Identifier(str(op.index_name))
    if op.replace:
        steps.run(DROP.format(name))
    index = op.index(steps.context, postgresql_concurrently=True)
    steps.run(DROP_INVALID.format(text=name.as_string(), name=name))
    steps.run(sa.schema.CreateIndex(index, if_not_exists=True), lock_timeout=PATIENT)


def refuse_duplicates(steps: Steps, table: Table, name: str, index: canonical_ddl.Index | None) -> None:
    """Raise RefusedError where a unique `index` would take rows of `table` for one another."""
    if index is not None:
        violations.refuse(violations.duplicates(steps, table, index), table, f"unique index {name}")


def _may_go(steps: Steps, op: DropIndexOnlineOp) -> bool:
    """Whether there is an index to drop. Raises UsageError where the name is not that of one, or it must stay."""
    name, there = op.index_name, find(steps, op.index_name)
    if there is None and op.if_exists:
        return False
    if there is None:
        wrong = f"There is no index {name!r}"
    elif there.table is None:
        wrong = f"{name!r} is {there.what}, not an index"
    elif there.constraint:
        wrong = f"Index {name} serves constraint {there.constraint}, which op.drop_constraint_online drops"
    elif op.table_name and target_table.find(steps, op.table_name).oid != there.table:
        wrong = f"Index {name} is not one of {op.table_name}: {there.what}"
    else:
        target_table.alone(steps, there.table)
        return True
    raise UsageError(f"{wrong}.", "Correct the revision; nothing was changed.")
