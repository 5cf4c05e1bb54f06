"""The second column of a rename, which will have the old name: made beside the users' work, as for a change of types.

It is a shadow column of the same type: added empty, kept equal by a trigger, filled in batches, given the column's
indexes. Where a run is cut off, the next one goes on from there.
"""

from collections.abc import Callable
from dataclasses import replace

from psycopg import sql

from surefoot.catalogue import old_names
from surefoot.errors import RefusedError
from surefoot.online import key_ranges, target_table
from surefoot.online.backfill import batch_runner
from surefoot.online.change_types import column_dependents, conversion, dependents_rebuild, preflight
from surefoot.online.change_types.column_dependents import Dependents, Index
from surefoot.online.change_types.conversion import Change, Conversion, temporary_name
from surefoot.online.change_types.cutover import INDEX_COLUMNS
from surefoot.online.change_types.shadow_column import ShadowColumns
from surefoot.online.executor import LONG_LOCK_TIMEOUT, Steps
from surefoot.online.rename.column_names import ColumnNames
from surefoot.online.target_table import Table
from surefoot.progress import row_progress

TRIES = 5
"""Tries of the last step: each fails where an index came or went meanwhile."""
COMMENT = """
select col_description(attrelid, attnum) as comment
  from pg_attribute
 where attrelid = to_regclass(format('%I.%I', current_schema(), cast(:table as text)))
   and attname = :column
   and not attisdropped
"""


def name_beside(steps: Steps, column: str) -> str:
    """Return the name that the second column has until it is complete."""
    return temporary_name(steps.revision, column)


def is_there(steps: Steps, names: ColumnNames) -> bool:
    """Return whether the old name is alive: a run of the revision has made it."""
    found = steps.fetch(COMMENT, table=names.table, column=names.old)
    return bool(found) and found[0].comment == old_names.comment(names.new, names.since, "column")


def make(steps: Steps, names: ColumnNames, source: str, take_names: Callable[[str], None]) -> None:
    """Make the second column of `source`; `take_names` gives both their names, inside the last transaction.

    It gets the name that the second column has by then.
    """
    table = target_table.find(steps, names.table, partition=False, writes=True)
    pair = _pair(steps, table, source)
    key = key_ranges.find(steps, table) if _has_rows(steps, table) else None
    beside = ShadowColumns(steps, pair)
    beside.create()
    dependents = _indexes(steps, pair)
    for _ in range(TRIES):
        if key is not None or _has_rows(steps, table):
            _fill(steps, table, key or key_ranges.find(steps, table), pair)
        dependents_rebuild.build_indexes(steps, pair, dependents)
        steps.run(f"analyze {table.identifier.as_string()}", lock_timeout=LONG_LOCK_TIMEOUT)
        if steps.retry_on_lock(lambda: _take_names(steps, names, beside, dependents, take_names)):  # noqa: B023
            return
        dependents = _indexes(steps, pair)
    raise RefusedError(
        f"Indexes of {table.name} came or went {TRIES} times while column {source} was being given another name.",
        "See who makes them, and run the same command again; both names are as they were.",
    )


def _pair(steps: Steps, table: Table, source: str) -> Conversion:
    """Return the change of types that changes none: its shadow column is the second one."""
    (row,) = steps.fetch(preflight.COLUMNS, table=table.identifier.as_string(), names=[source])
    same = sql.Identifier(source).as_string()
    return Conversion(table, (
        Change(
            table, source, row.number, row.type, row.type, row.collation, same, same, row.not_null,
            row.not_null_valid, row.not_null_name, name_beside(steps, source), None,
        ),
    ))  # fmt: skip


def _indexes(steps: Steps, pair: Conversion) -> Dependents:
    """Return the valid indexes alone; a deferrable one is copied as one that is not unique, which would hold at once.

    Rules and keys stay with the column itself: what is written by either name is held to them.
    """
    return _of_indexes(column_dependents.read(steps, pair))


def _of_indexes(found: Dependents) -> Dependents:
    indexes = tuple(replace(each, unique=each.unique and not each.deferrable) for each in found.indexes if each.valid)
    return Dependents(indexes, (), (), ())


def _has_rows(steps: Steps, table: Table) -> bool:
    return bool(steps.fetch(sql.SQL("select from {} limit 1").format(table.identifier)))


def _fill(steps: Steps, table: Table, key: key_ranges.Key, pair: Conversion) -> None:
    (change,) = pair.changes
    what = f"Second name of {change.label}"
    with row_progress(what, batch_runner.estimate_rows(steps, table)) as progress:
        batch_runner.BatchRunner(
            steps, table, key, lambda row_range: steps.execute(pair.update(row_range)), progress
        ).run()


def _take_names(
    steps: Steps,
    names: ColumnNames,
    beside: ShadowColumns,
    dependents: Dependents,
    take_names: Callable[[str], None],
) -> bool:
    """Have both columns take their names in one short transaction; return False where an index came or went."""
    with steps.transaction():
        conversion.lock_tables(steps, beside.table)
        if _of_indexes(column_dependents.read_in_transaction(steps, beside.conversion)) != dependents:
            return False
        for statement in beside.drop_trigger_statements():
            steps.execute(statement)
        (change,) = beside.conversion.changes
        take_names(change.shadow_name)
        for row in steps.fetch(INDEX_COLUMNS, table=beside.table.oid, names=[change.shadow_name]):
            steps.execute(
                sql.SQL("alter table {} rename {} to {}").format(
                    sql.SQL(row.relation), change.shadow, sql.Identifier(names.old)
                )
            )
        for nth, index in enumerate(sorted(dependents.indexes, key=lambda each: _place(each, change)), 1):
            steps.execute(
                sql.SQL("alter index {} rename to {}").format(
                    sql.Identifier(dependents_rebuild.index_name(steps, index)), sql.Identifier(names.index(nth))
                )
            )
    return True


def _place(index: Index, change: Change) -> tuple[str, bool]:
    """Return what the indexes are sorted by: the definition, whatever the columns and the index itself are called.

    The printed block sorts by the same.
    """
    name = change.shadow_name
    quoted = f'"{name.replace(chr(34), chr(34) * 2)}"'
    return index.body.replace(quoted, "~").replace(name, "~"), index.unique
