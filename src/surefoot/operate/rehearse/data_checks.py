"""Checks what became of rows and values: what is lost for good, and what only the downgrade does not restore."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from surefoot.catalogue.model import Catalogue
from surefoot.operate.change.row_counts import RowCounts
from surefoot.operate.rehearse.value_hashes import ColumnDifference, TableDifference


def lost_rows(up: Sequence[TableDifference], before: RowCounts, after: RowCounts) -> Iterator[str]:
    """Yield a sentence for each table whose rows the upgrade deleted without retiring them."""
    for table in up:
        retired = after.retired.get(table.name, 0) - before.retired.get(table.name, 0)
        if table.gone > retired:
            yield (
                f"{table.name} had {table.rows} rows: the upgrade takes {table.gone} away and sets "
                f"{max(retired, 0) or 'none'} of them aside"
            )


def irrecoverable_values(up: Sequence[TableDifference], down: Sequence[TableDifference]) -> Iterator[str]:
    """Yield a sentence for values that the upgrade changed and the downgrade did not restore: they are nowhere else."""
    upgraded = {table.name: table for table in up}
    for table in down:
        for column in table.columns:
            if column.lost and _changed_by_upgrade(upgraded.get(table.name), column.name):
                yield f"{table.name}.{column.name}: {_loss(column)} by the upgrade, and nothing brings them back"
        for name in table.absent:
            yield f"{table.name}.{name} is not there after the way down"


@dataclass(frozen=True)
class Loss:
    """Rows or values that a downgrade loses: how many, and a sentence."""

    count: int
    sentence: str


def lost_by_downgrade(up: Sequence[TableDifference], down: Sequence[TableDifference]) -> Iterator[Loss]:
    """Yield the rows and values that exist after the upgrade, or are retired, and that a downgrade loses."""
    upgraded = {table.name: table for table in up}
    for table in down:
        if not table.there:
            yield Loss(table.rows, f"table {table.name}: {table.rows} rows")
            continue
        if table.gone:
            yield Loss(table.gone, f"{table.name}: {table.gone} rows are not there")
        if table.new:
            yield Loss(table.new, f"{table.name}: {table.new} rows are there that were not")
        for column in table.columns:
            if column.lost and not _changed_by_upgrade(upgraded.get(table.name), column.name):
                yield Loss(column.changed + column.emptied, f"{table.name}.{column.name}: {_loss(column)}")


def rights_lost(before: Catalogue, after: Catalogue) -> Iterator[str]:
    """Yield a sentence for each right that a role had before the upgrade on an object that still exists, and lost."""
    objects = {f"table {table.name}" for table in after.tables} | {
        f"column {table.name}.{column.name}" for table in after.tables for column in table.columns
    }
    grants = {(grant.on, grant.grantee, grant.privilege) for grant in after.grants}
    for grant in before.grants:
        if grant.on.replace('"', "") in objects and (grant.on, grant.grantee, grant.privilege) not in grants:
            yield f"Role {grant.grantee} loses {grant.privilege.lower()} on {grant.on}"


def filled_values(down: Sequence[TableDifference]) -> int:
    """Return how many values that were NULL before the upgrade have a value after the downgrade. This is no loss."""
    return sum(column.filled for table in down for column in table.columns)


def _changed_by_upgrade(table: TableDifference | None, column: str) -> bool:
    """Return whether the upgrade changed values of the column."""
    if table is None:
        return False
    return not table.there or column in table.absent or any(each.name == column and each.lost for each in table.columns)


def _loss(column: ColumnDifference) -> str:
    parts = [f"{column.changed} values are changed"] if column.changed else []
    parts += [f"{column.emptied} are NULL"] if column.emptied else []
    return " and ".join(parts)
