"""What became of rows and values: what nothing brings back, and what only the way down does not."""

from collections.abc import Iterator, Sequence

from surefoot.catalogue.model import Catalogue
from surefoot.operate.change.row_counts import Rows
from surefoot.operate.rehearse.value_hashes import Column, Table


def unaccounted(up: Sequence[Table], before: Rows, after: Rows) -> Iterator[str]:
    """Rows that the way up took away and that were not set aside, a sentence for each table."""
    for table in up:
        aside = after.retired.get(table.name, 0) - before.retired.get(table.name, 0)
        if table.gone > aside:
            yield (
                f"{table.name} had {table.rows} rows: the upgrade takes {table.gone} away and sets "
                f"{max(aside, 0) or 'none'} of them aside"
            )


def for_good(up: Sequence[Table], down: Sequence[Table]) -> Iterator[str]:
    """Values that the way up changed and the way down did not bring back: they are nowhere any more."""
    ups = {table.name: table for table in up}
    for table in down:
        for column in table.columns:
            if column.lost and _changed_before(ups.get(table.name), column.name):
                yield f"{table.name}.{column.name}: {_lost(column)} by the upgrade, and nothing brings them back"
        for name in table.absent:
            yield f"{table.name}.{name} is not there after the way down"


def by_the_way_down(up: Sequence[Table], down: Sequence[Table]) -> Iterator[str]:
    """Rows and values that are there after the upgrade, or set aside, and that going down does not bring back."""
    ups = {table.name: table for table in up}
    for table in down:
        if not table.there:
            yield f"table {table.name}: {table.rows} rows"
            continue
        if table.gone:
            yield f"{table.name}: {table.gone} rows are not there"
        if table.new:
            yield f"{table.name}: {table.new} rows are there that were not"
        for column in table.columns:
            if column.lost and not _changed_before(ups.get(table.name), column.name):
                yield f"{table.name}.{column.name}: {_lost(column)}"


def rights_lost(before: Catalogue, after: Catalogue) -> Iterator[str]:
    """What a role might do before the upgrade with something that is still there, and may not do after it."""
    there = {f"table {table.name}" for table in after.tables} | {
        f"column {table.name}.{column.name}" for table in after.tables for column in table.columns
    }
    now = {(grant.on, grant.grantee, grant.privilege) for grant in after.grants}
    for grant in before.grants:
        if grant.on.replace('"', "") in there and (grant.on, grant.grantee, grant.privilege) not in now:
            yield f"Role {grant.grantee} loses {grant.privilege.lower()} on {grant.on}"


def filled(down: Sequence[Table]) -> int:
    """How many values that were NULL before the upgrade have one after the way down: no loss, but told."""
    return sum(column.filled for table in down for column in table.columns)


def _changed_before(table: Table | None, column: str) -> bool:
    """Whether the way up had touched values of the column already."""
    if table is None:
        return False
    return not table.there or column in table.absent or any(each.name == column and each.lost for each in table.columns)


def _lost(column: Column) -> str:
    parts = [f"{column.changed} values are changed"] if column.changed else []
    parts += [f"{column.emptied} are NULL"] if column.emptied else []
    return " and ".join(parts)
