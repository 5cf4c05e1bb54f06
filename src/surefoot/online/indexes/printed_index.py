"""The names and statements of an index that is built beside another one, and the form that `--sql` prints."""

import sqlalchemy as sa
from psycopg import sql

from surefoot.online.constraints import constraint_specs
from surefoot.online.executor import LONG_LOCK_TIMEOUT, Steps
from surefoot.online.identifiers import fit_identifier
from surefoot.online.indexes.index_operations import CreateIndexOnlineOp

DROP = sql.SQL("drop index concurrently if exists {}")
DROP_BRIEFLY = sql.SQL("drop index if exists {}")
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


def temporary_name(steps: Steps, name: str) -> str:
    """Return the name of an index until the one that it replaces gives way."""
    return fit_identifier(f"ourschool_{steps.revision}_{name}")


def replaced_name(steps: Steps, name: str) -> str:
    """Return the name of the replaced index until it is dropped, which waits for transactions that use it."""
    return fit_identifier(f"ourschool_{steps.revision}_gone_{name}")


def print_build(steps: Steps, op: CreateIndexOnlineOp) -> None:
    """Print what `build` does, as SQL that psql can run again; it keeps any valid index of that name."""
    name = sql.Identifier(str(op.index_name))
    if op.replace:
        _print_replacement(steps, op)
        return
    index = op.index(steps.context, postgresql_concurrently=True)
    steps.run(DROP_INVALID.format(text=name.as_string(), name=name))
    steps.run(sa.schema.CreateIndex(index, if_not_exists=True), lock_timeout=LONG_LOCK_TIMEOUT)


def _print_replacement(steps: Steps, op: CreateIndexOnlineOp) -> None:
    """Print what `_replace` does: the other index, of a constraint or not, goes when this one is built."""
    name, temporary = str(op.index_name), temporary_name(steps, str(op.index_name))
    gone = sql.Identifier(replaced_name(steps, name))
    rename = sql.SQL("alter index if exists {} rename to {}")
    print_build(steps, op.renamed(temporary))
    steps.run_in_transaction(
        constraint_specs.DROP.format(table=sql.Identifier(op.table_name), name=sql.Identifier(name)),
        rename.format(sql.Identifier(name), gone),
        rename.format(sql.Identifier(temporary), sql.Identifier(name)),
    )
    steps.run(DROP.format(gone))
